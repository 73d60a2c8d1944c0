import { createHash, createHmac } from "node:crypto";
import type { Chance } from "./chance.ts";

export const BUSINESS_SECRET = "simulated-business-secret";
export const ONBOARDING_SECRET = "simulated-onboarding-secret";

/** An event that Qonto sends. */
export interface PlannedEvent {
  /** The id of its deliveries: its own or, for an unreadable body, that of its copy in quarantine. */
  readonly id: string;
  readonly isReadable: boolean;
  readonly source: "business" | "onboarding";
  readonly type: string;
  readonly body: string;
  /** When it is first sent, milliseconds from the beginning. */
  readonly sentAfterMs: number;
  /** Duplicates that Qonto sends after a 200. */
  readonly sentAgainAfterMs: readonly number[];
  /** How long before the first request it was signed. A long delay makes it stale. */
  readonly heldUpMs: number;
  /** Whether retries have the first signature, and so become stale. */
  readonly keepsSignature: boolean;
  /** Sent by somebody who does not know the secrets. */
  readonly isForged: boolean;
  /** Of the subscription that it is sent for; absent: the one that the relay was given. */
  readonly secret?: string;
  /** A state from before the organization was connected: no destination gets it unless an operator replays it. */
  readonly isHistory?: boolean;
}

/** What is readable, sent at once, and once. */
export const sentOnce = {
  isReadable: true,
  sentAfterMs: 0,
  sentAgainAfterMs: [],
  heldUpMs: 0,
  keepsSignature: false,
  isForged: false,
} as const;

type Content = Pick<PlannedEvent, "id" | "isReadable" | "source" | "type" | "body">;

export const lifecycles: Readonly<Record<string, readonly [string, ...string[]]>> = {
  "v1/transactions": ["created", "updated"],
  "v1/cards": ["created", "activated", "locked", "discarded"],
  "v1/transfers": ["created", "processing", "settled"],
  "v1/clients": ["created", "updated", "deleted"],
};

const stages = ["pending", "user_started", "contract_signed", "completed"] as const;

/** Larger than a queue message can be, and larger than what is put into a message when D1 has the event. */
const LARGE_BYTES = 130_000;
const LONG_BYTES = 4_200;

export function drawEvents(chance: Chance, stormMs: number): PlannedEvent[] {
  const many = chance.happens(0.85) ? chance.whole(1, 5) : chance.whole(6, 18);
  // Some send all at one moment.
  const spreadMs = chance.happens(0.3) ? 50 : stormMs / 2;
  return Array.from({ length: many }, (_, index) => ({
    ...drawContent(chance, index),
    sentAfterMs: chance.whole(0, spreadMs),
    sentAgainAfterMs: chance.happens(0.2)
      ? Array.from({ length: chance.whole(1, 2) }, () => chance.whole(0, chance.happens(0.3) ? 1_000 : stormMs))
      : [],
    heldUpMs: chance.happens(0.02) ? 400_000 : 0,
    keepsSignature: chance.happens(0.15),
    isForged: false,
  }));
}

/** Sometimes one that the relay must refuse. */
export function drawForgeries(chance: Chance, stormMs: number): PlannedEvent[] {
  if (!chance.happens(0.05)) return [];
  return [
    {
      ...drawContent(chance, 99),
      sentAfterMs: chance.whole(0, stormMs),
      sentAgainAfterMs: [],
      heldUpMs: 0,
      keepsSignature: false,
      isForged: true,
    },
  ];
}

function drawContent(chance: Chance, index: number): Content {
  const kind = chance.number();
  if (kind < 0.04) return unreadable(index);
  return kind < 0.12 ? drawRegistration(chance, index) : drawBusinessEvent(chance, index);
}

function unreadable(index: number): Content {
  const body = `{ no JSON ${index}`;
  const id = createHash("sha256").update(body).digest("hex");
  return { id, isReadable: false, source: "business", type: "unreadable", body };
}

function drawBusinessEvent(chance: Chance, index: number): Content {
  const type = chance.pick(["v1/transactions", "v1/transactions", "v1/cards", "v1/transfers", "v1/clients"]);
  const id = `e${index}`;
  const instant = () => `2026-03-01T1${chance.whole(0, 2)}:00:00.000Z`;
  const fields = {
    event: chance.pick(lifecycles[type] ?? ["created"]),
    id: `r${chance.whole(1, 2)}`,
    updated_at: instant(),
    label: chance.pick(["café 💳", "plain", 'quote " and \u2028']),
    ...drawPadding(chance),
  };
  // A number as no JavaScript would write it.
  const data = `{"amount":12.50,${JSON.stringify(fields).slice(1)}`;
  const envelope = { id, type, organization_id: `o${chance.whole(1, 2)}`, created_at: instant() };
  const body = `${JSON.stringify(envelope).slice(0, -1)},"data":${data}}`;
  return { id, isReadable: true, source: "business", type, body };
}

function drawPadding(chance: Chance): { padding?: string } {
  const kind = chance.number();
  if (kind >= 0.15) return {};
  return { padding: "x".repeat(kind < 0.02 ? LARGE_BYTES : LONG_BYTES) };
}

function drawRegistration(chance: Chance, index: number): Content {
  const type = `registrations.${chance.pick(stages)}`;
  const id = `e${index}`;
  const body = JSON.stringify({
    id,
    event_type: type,
    resource_type: "registration",
    resource_id: `reg${chance.whole(1, 2)}`,
    created_at: `2026-03-01T10:00:0${chance.whole(0, 2)}.000Z`,
  });
  return { id, isReadable: true, source: "onboarding", type, body };
}

/** The headers of a body that Qonto sends at a time, in Unix milliseconds. */
export function signedHeaders(event: PlannedEvent, at: number): Record<string, string> {
  const { source, body, isForged, secret: secretOfSubscription = BUSINESS_SECRET } = event;
  const hmac = (secret: string, text: string) =>
    createHmac("sha256", isForged ? "guessed" : secret)
      .update(text)
      .digest("hex");
  const t = Math.floor(at / 1000);
  return {
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(body)),
    ...(source === "business"
      ? { "x-qonto-signature": `t=${t},v1=${hmac(secretOfSubscription, `${t}.${body}`)}` }
      : { "qonto-sha256-signature": hmac(ONBOARDING_SECRET, body) }),
  };
}
