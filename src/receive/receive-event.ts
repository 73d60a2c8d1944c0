import type { Config, Env } from "../env.ts";
import type { RelayEvent } from "../domain/event.ts";
import { type QueueMessage, messageOf, quarantineMessageOf } from "../messages.ts";
import { tryDecodeUtf8, tryParseJson } from "../platform/json.ts";
import { logFailure } from "../platform/log.ts";
import { settleWithin } from "../platform/time-box.ts";
import { readEnvelope } from "../qonto/envelope.ts";
import { readSignature } from "../qonto/read-signature.ts";
import type { Signature } from "../qonto/signature.ts";
import { recordEvent } from "../store/events.ts";
import { type QuarantineReason, type Quarantined, keepInQuarantine, quarantineId } from "../store/quarantine.ts";
import { makeDurable } from "./make-durable.ts";
import { readBody } from "./read-body.ts";
import type { Refusal } from "./refusals.ts";

/** What a webhook request came to. The facts are for the log; the wire shows less. */
export type Verdict =
  | (Facts & { readonly outcome: "accepted" | "duplicate"; readonly event: RelayEvent; readonly durableBy: Store })
  | (Facts & { readonly outcome: "quarantined"; readonly durableBy: Store })
  | (Facts & { readonly outcome: "refused"; readonly code: Refusal; readonly event?: RelayEvent });

interface Facts {
  readonly source?: Signature["source"];
  readonly sizeBytes?: number;
}

type Store = "database" | "queue";

export interface Receiving {
  readonly env: Pick<Env, "DB" | "EVENTS">;
  readonly config: Config;
  /** Unix milliseconds. */
  readonly now: number;
  /** Lets work go on behind the answer; no acknowledgement depends on it. */
  readonly waitUntil: (work: Promise<unknown>) => void;
}

/** How long a stale event's copy may hold up the refusal that it gets in any case. */
const QUARANTINE_TIME_BOX_MS = 400;

/** Decides over one webhook request. Nothing is parsed, and nothing kept, before the signature has been verified. */
export async function receiveEvent(request: Request, receiving: Receiving): Promise<Verdict> {
  const { config, now } = receiving;
  const signature = readSignature(request.headers);
  if (typeof signature === "string") return { outcome: "refused", code: signature };

  const { source } = signature;
  const secrets = config.secrets[source];
  if (secrets.length === 0) return { outcome: "refused", code: "not_configured", source };

  const body = await readBody(request, config.maxBodyBytes);
  if (body === null) return { outcome: "refused", code: "body_too_large", source };
  const facts: Facts = { source, sizeBytes: body.length };

  if (!(await isAuthentic(signature, body, secrets))) {
    return { outcome: "refused", code: "signature_mismatch", ...facts };
  }

  const contentType = request.headers.get("content-type");
  const event = readEvent(body, { source, contentType, receivedAt: now });
  const timestampFault = judgeTimestamp(signature.timestamp, now, config.signatureToleranceSeconds);
  if (timestampFault === "timestamp_too_old") {
    await keepStale({ source, contentType, receivedAt: now, body }, event, receiving);
  }
  if (timestampFault !== null) {
    return { outcome: "refused", code: timestampFault, ...facts, ...(event === null ? {} : { event }) };
  }

  return event === null
    ? { ...facts, ...(await quarantineUnreadable({ source, contentType, receivedAt: now, body }, receiving)) }
    : { ...facts, ...(await accept(event, receiving)) };
}

async function isAuthentic(
  signature: Signature,
  body: Uint8Array<ArrayBuffer>,
  secrets: readonly string[],
): Promise<boolean> {
  for (const secret of secrets) if (await signature.matches(body, secret)) return true;
  return false;
}

/** Exactly the tolerance is still accepted, on either side. */
function judgeTimestamp(
  timestamp: number | null,
  now: number,
  toleranceSeconds: number,
): "timestamp_too_old" | "timestamp_in_future" | null {
  if (timestamp === null) return null;
  const ageSeconds = Math.floor(now / 1000) - timestamp;
  if (ageSeconds > toleranceSeconds) return "timestamp_too_old";
  return -ageSeconds > toleranceSeconds ? "timestamp_in_future" : null;
}

function readEvent(
  bytes: Uint8Array,
  about: Pick<RelayEvent, "source" | "contentType" | "receivedAt">,
): RelayEvent | null {
  const body = tryDecodeUtf8(bytes);
  if (body === undefined) return null;
  const envelope = readEnvelope(about.source, tryParseJson(body));
  if (envelope === null) return null;
  const { id, type, event, organizationId, resourceId, createdAt } = envelope;
  return { ...about, id, type, event, organizationId, resourceId, createdAt: createdAt?.iso ?? null, body };
}

async function accept(event: RelayEvent, { env, waitUntil }: Receiving) {
  const message = messageOf(event);
  const durable = await makeDurable(
    { record: () => recordEvent(env.DB, event), send: message === null ? null : () => env.EVENTS.send(message) },
    waitUntil,
  );
  if (durable === null) return { outcome: "refused", code: "not_stored", event } as const;

  const recorded = durable.by === "database" ? durable.outcome : "new";
  if (recorded !== "duplicate" && !durable.sent) {
    waitUntil(sendBehindTheAnswer(env, message ?? { kind: "recorded_event", id: event.id }));
  }
  return { outcome: recorded === "new" ? "accepted" : "duplicate", event, durableBy: durable.by } as const;
}

/** Should it fail, or the isolate die first, the cron finds the row that nobody has claimed. */
async function sendBehindTheAnswer(env: Receiving["env"], message: QueueMessage): Promise<void> {
  try {
    await env.EVENTS.send(message);
  } catch (error) {
    logFailure("send-behind-the-answer", error);
  }
}

type Unreadable = Pick<Quarantined, "source" | "contentType" | "receivedAt" | "body">;

async function quarantineUnreadable(unreadable: Unreadable, { env, waitUntil }: Receiving) {
  const quarantined = await toQuarantined(unreadable, "unreadable", null);
  const message = quarantineMessageOf(unreadable);
  const durable = await makeDurable(
    {
      record: () => keepInQuarantine(env.DB, quarantined),
      send: message === null ? null : () => env.EVENTS.send(message),
    },
    waitUntil,
  );
  if (durable === null) return { outcome: "refused", code: "not_stored" } as const;
  return { outcome: "quarantined", durableBy: durable.by } as const;
}

/** A refusal acknowledges nothing: should D1 not take the copy, Qonto's next try brings another. */
async function keepStale(stale: Unreadable, event: RelayEvent | null, { env, waitUntil }: Receiving): Promise<void> {
  const keeping = keepInQuarantine(env.DB, await toQuarantined(stale, "timestamp_too_old", event?.id ?? null));
  waitUntil(keeping.catch((error: unknown) => logFailure("keep-stale-event", error)));
  await settleWithin(keeping, QUARANTINE_TIME_BOX_MS);
}

async function toQuarantined(
  unreadable: Unreadable,
  reason: QuarantineReason,
  eventId: string | null,
): Promise<Quarantined> {
  return { ...unreadable, id: await quarantineId(eventId, unreadable.body), eventId, reason };
}
