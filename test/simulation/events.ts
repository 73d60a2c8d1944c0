import { createHmac } from "node:crypto";
import type { Chance } from "./chance.ts";

export const BUSINESS_SECRET = "simulated-business-secret";
export const ONBOARDING_SECRET = "simulated-onboarding-secret";

/** An event that Qonto sends. */
export interface PlannedEvent {
  /** Null for a body that nobody can read. */
  readonly id: string | null;
  readonly source: "business" | "onboarding";
  readonly type: string;
  readonly body: string;
  /** When it is sent first, milliseconds from the beginning. */
  readonly sentAfterMs: number;
  /** Sendings beside the first that Qonto makes though it has been answered. */
  readonly sentAgainAfterMs: readonly number[];
  /** Whether what is sent again bears the first signature, and so grows stale. */
  readonly keepsSignature: boolean;
}

const lifecycles: Readonly<Record<string, readonly string[]>> = {
  "v1/transactions": ["created", "updated"],
  "v1/cards": ["created", "activated", "locked", "discarded"],
  "v1/transfers": ["created", "processing", "settled"],
  "v1/clients": ["created", "updated", "deleted"],
};

const stages = ["pending", "user_started", "contract_signed", "completed"];

/** More than a queue message can carry. */
const LARGE_BYTES = 130_000;

export function drawEvents(chance: Chance, stormMs: number): PlannedEvent[] {
  const many = chance.happens(0.8) ? chance.whole(2, 6) : chance.whole(7, 20);
  // Some send all at one moment.
  const spreadMs = chance.happens(0.3) ? 50 : stormMs / 2;
  return Array.from({ length: many }, (_, index) => ({
    ...drawContent(chance, index),
    sentAfterMs: chance.whole(0, spreadMs),
    sentAgainAfterMs: chance.happens(0.2)
      ? Array.from({ length: chance.whole(1, 2) }, () => chance.whole(0, stormMs))
      : [],
    keepsSignature: chance.happens(0.15),
  }));
}

function drawContent(chance: Chance, index: number): Pick<PlannedEvent, "id" | "source" | "type" | "body"> {
  const kind = chance.number();
  if (kind < 0.04) return { id: null, source: "business", type: "unreadable", body: `{ no JSON ${index}` };
  if (kind < 0.12) return drawRegistration(chance, index);
  const type = chance.pick(["v1/transactions", "v1/transactions", "v1/cards", "v1/transfers", "v1/clients"]);
  const id = `e${index}`;
  const instant = `2026-03-01T1${chance.whole(0, 2)}:00:00.000Z`;
  const body = JSON.stringify({
    id,
    type,
    organization_id: `o${chance.whole(1, 2)}`,
    created_at: instant,
    data: {
      event: chance.pick((lifecycles[type] ?? ["created"]) as readonly [string, ...string[]]),
      id: `r${chance.whole(1, 2)}`,
      updated_at: instant,
      label: chance.pick(["café 💳", "plain", 'quote " and \u2028']),
      ...(chance.happens(0.02) ? { padding: "x".repeat(LARGE_BYTES) } : {}),
    },
  });
  return { id, source: "business", type, body };
}

function drawRegistration(chance: Chance, index: number) {
  const type = `registrations.${chance.pick(stages as [string, ...string[]])}`;
  const id = `e${index}`;
  const body = JSON.stringify({
    id,
    event_type: type,
    resource_type: "registration",
    resource_id: `reg${chance.whole(1, 2)}`,
    created_at: `2026-03-01T10:00:0${chance.whole(0, 2)}Z`,
  });
  return { id, source: "onboarding" as const, type, body };
}

/** The headers with which Qonto sends a body at a time, in Unix milliseconds. */
export function signedHeaders({ source, body }: PlannedEvent, at: number): Record<string, string> {
  const hmac = (secret: string, text: string) => createHmac("sha256", secret).update(text).digest("hex");
  const t = Math.floor(at / 1000);
  return {
    "content-type": "application/json",
    ...(source === "business"
      ? { "x-qonto-signature": `t=${t},v1=${hmac(BUSINESS_SECRET, `${t}.${body}`)}` }
      : { "qonto-sha256-signature": hmac(ONBOARDING_SECRET, body) }),
  };
}
