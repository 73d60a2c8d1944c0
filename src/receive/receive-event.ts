import type { Config, Env } from "../env.ts";
import type { About, RelayEvent } from "../domain/event.ts";
import { firstLease } from "../domain/lease.ts";
import { type SentEvent, byId, carry, messageOf, quarantineMessageOf } from "../messages.ts";
import { logFailure } from "../platform/log.ts";
import { readBody } from "../platform/read-body.ts";
import { type Timers, withTimeout } from "../platform/timeout.ts";
import { readEvent } from "../qonto/read-event.ts";
import { readSignature } from "../qonto/read-signature.ts";
import type { Signature } from "../qonto/signature.ts";
import type { Recorded } from "../store/events.ts";
import { type QuarantineReason, type Quarantined, keepInQuarantine, quarantineId } from "../store/quarantine.ts";
import { recordTogether } from "./record-events.ts";
import { sendTogether } from "./send-events.ts";
import { makeDurable } from "./make-durable.ts";
import { isProbe, recordProbe } from "./probe.ts";
import type { Refusal } from "./refusals.ts";

/** What a webhook request came to. The facts are for the log; the wire shows less. */
export type Verdict =
  | (Facts & {
      readonly outcome: "accepted" | "duplicate";
      readonly event: RelayEvent;
      readonly durableBy: Store;
      /** Whether the event recorded under this id, which stays, has another body. */
      readonly bodyDiffers: boolean;
    })
  | (Facts & { readonly outcome: "quarantined"; readonly durableBy: Store })
  | (Facts & { readonly outcome: "probed"; readonly event: RelayEvent })
  /** The sender broke off in the middle of its body. */
  | (Facts & { readonly outcome: "broken_off" })
  | (Facts & { readonly outcome: "refused"; readonly code: Refusal; readonly event?: RelayEvent });

interface Facts {
  readonly source?: Signature["source"];
  readonly sizeBytes?: number;
  /** From the request's beginning to its body's last byte, or until there was no more to wait for. */
  readonly bodyMs?: number;
}

type Store = "database" | "queue";

export interface Receiving {
  readonly env: Pick<Env, "DB" | "EVENTS">;
  readonly config: Config;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly timers: Timers;
  /** Lets work go on behind the answer; no acknowledgement depends on it. */
  readonly waitUntil: (work: Promise<unknown>) => void;
}

/** How long a stale event's copy may hold up the refusal that it gets in any case. */
const QUARANTINE_TIMEOUT_MS = 400;

/**
 * Characters of a body that travels with its event though D1 has it. On its way through the queue a body is written out,
 * copied and parsed several times; the longer ones of a batch together cost one D1 call instead, and no row.
 */
const LONGEST_CARRIED = 4_096;

/** Decides over one webhook request. Nothing is parsed, and nothing kept, before the signature has been verified. */
export async function receiveEvent(request: Request, receiving: Receiving): Promise<Verdict> {
  const { config, now } = receiving;
  const startedAt = now();
  const signature = readSignature(request.headers);
  if (typeof signature === "string") return { outcome: "refused", code: signature };

  const { source } = signature;
  const secrets = config.secrets[source];
  if (secrets.length === 0) return { outcome: "refused", code: "not_configured", source };

  const body = await readBody(request, config.maxBodyBytes, receiving.timers);
  // As of its last byte: a slow body takes nothing off the event's lease, and does not keep its signature young.
  const receivedAt = now();
  const bodyMs = receivedAt - startedAt;
  if (body === "broken_off") return { outcome: "broken_off", source, bodyMs };
  if (typeof body === "string") return { outcome: "refused", code: body, source, bodyMs };
  const facts: Facts = { source, sizeBytes: body.length, bodyMs };

  if (!(await signature.matches(body, ...secrets))) {
    return { outcome: "refused", code: "signature_mismatch", ...facts };
  }

  const about = { source, receivedAt, ...readPassedOn(request.headers) };
  const event = readEvent(body, about);
  const timestampFault = judgeTimestamp(signature.timestamp, receivedAt, config.signatureToleranceSeconds);
  const probe = event !== null && isProbe(event) ? event : null;
  if (timestampFault === "timestamp_too_old" && probe === null) {
    await keepStale({ ...about, body }, event, receiving);
  }
  if (timestampFault !== null) {
    return { outcome: "refused", code: timestampFault, ...facts, ...(event === null ? {} : { event }) };
  }

  if (probe !== null) return { ...facts, ...(await answerProbe(probe, receiving)) };
  return event === null
    ? { ...facts, ...(await quarantineUnreadable({ ...about, body }, receiving)) }
    : { ...facts, ...(await accept(event, receiving)) };
}

/**
 * The headers that go out with the body. For bytes that are not UTF-8 the runtime puts U+FFFD: what is more than visible
 * ASCII is not passed on changed, but as a type that says nothing, or not at all.
 */
function readPassedOn(headers: Headers): Pick<RelayEvent, "contentType" | "contentEncoding"> {
  const visible = (name: string) => /^[\t\x20-\x7e]+$/.exec(headers.get(name) ?? "")?.[0] ?? null;
  return {
    contentType: visible("content-type") ?? (headers.has("content-type") ? "application/octet-stream" : null),
    contentEncoding: visible("content-encoding"),
  };
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

async function answerProbe(event: RelayEvent, { env, timers, waitUntil }: Receiving) {
  const fault = await recordProbe(event, { db: env.DB, timers, waitUntil });
  return fault === null
    ? ({ outcome: "probed", event } as const)
    : ({ outcome: "refused", code: fault, event } as const);
}

async function accept(event: RelayEvent, { env, timers, waitUntil }: Receiving) {
  const leaseUntil = firstLease(event.receivedAt);
  const record = () => {
    const recording = recordTogether(env.DB, event);
    // Others may wait for what this request writes: it goes on though its own sender hangs up.
    waitUntil(recording.catch(() => undefined));
    return recording;
  };
  const send = () => {
    const sent = carry(event, leaseUntil);
    return sent && env.EVENTS.send(messageOf([sent]));
  };
  const durable = await makeDurable({ record, send }, { timers, waitUntil });
  if (typeof durable === "string") return { outcome: "refused", code: durable, event } as const;

  const recorded: Recorded = durable.by === "database" ? durable.outcome : { as: "new", bodyDiffers: false };
  if (recorded.as !== "duplicate" && !durable.sent) {
    // The body that was recorded first is the one that goes out, and its lease is that of its own message.
    const lease = recorded.as === "new" ? leaseUntil : null;
    const isCarried = event.body.length <= LONGEST_CARRIED && !recorded.bodyDiffers;
    const sent = (isCarried ? carry(event, lease) : null) ?? byId(event.id, lease);
    waitUntil(sendBehindTheAnswer(env, sent, timers));
  }
  const outcome = recorded.as === "new" ? "accepted" : "duplicate";
  return { outcome, event, durableBy: durable.by, bodyDiffers: recorded.bodyDiffers } as const;
}

/** Should it fail, or the isolate die first, the cron finds the row that nobody has claimed. */
async function sendBehindTheAnswer(env: Receiving["env"], event: SentEvent, timers: Timers): Promise<void> {
  try {
    await sendTogether(env, event, timers);
  } catch (error) {
    logFailure("receive", error, { message: "event.send_failed", event_id: event.id });
  }
}

type Unreadable = About & Pick<Quarantined, "body">;

async function quarantineUnreadable(unreadable: Unreadable, { env, timers, waitUntil }: Receiving) {
  const quarantined = await toQuarantined(unreadable, "unreadable", null);
  const durable = await makeDurable(
    {
      record: () => keepInQuarantine(env.DB, quarantined),
      send: () => {
        const message = quarantineMessageOf(unreadable);
        return message && env.EVENTS.send(message);
      },
    },
    { timers, waitUntil },
  );
  if (typeof durable === "string") return { outcome: "refused", code: durable } as const;
  // Qonto sends it again; the queue is not asked for what D1 has said there is no room for.
  if (durable.by === "database" && durable.outcome === "full") {
    logFailure("receive", new QuarantineFull(), { message: "event.refused" });
    return { outcome: "refused", code: "not_stored" } as const;
  }
  return { outcome: "quarantined", durableBy: durable.by } as const;
}

/** A refusal acknowledges nothing: should D1 not take the copy, Qonto's next try brings another. */
async function keepStale(stale: Unreadable, event: RelayEvent | null, receiving: Receiving): Promise<void> {
  const keeping = keepStaleCopy(stale, event, receiving);
  receiving.waitUntil(
    keeping.catch((error: unknown) =>
      logFailure("receive", error, { message: "stale_event.dropped", event_id: event?.id }),
    ),
  );
  await withTimeout(keeping, QUARANTINE_TIMEOUT_MS, receiving.timers);
}

async function keepStaleCopy(stale: Unreadable, event: RelayEvent | null, { env }: Receiving): Promise<void> {
  const copy = await toQuarantined(stale, "timestamp_too_old", event?.id ?? null);
  if ((await keepInQuarantine(env.DB, copy)) === "full") throw new QuarantineFull();
}

class QuarantineFull extends Error {
  override readonly name = "QuarantineFull";
  override readonly message = "The quarantine has no room; the event was not kept";
}

async function toQuarantined(
  unreadable: Unreadable,
  reason: QuarantineReason,
  eventId: string | null,
): Promise<Quarantined> {
  return { ...unreadable, id: await quarantineId(eventId, unreadable.body), eventId, reason };
}
