import type { Config, Env } from "../env.ts";
import { CANARY_TYPE } from "../domain/canary.ts";
import type { RawEvent, RelayEvent } from "../domain/event.ts";
import { firstLease } from "../domain/lease.ts";
import { type Measured, byId, inline, measure, messageOf, quarantineMessageOf } from "../messages.ts";
import { logFailure } from "../platform/log.ts";
import { readBody } from "../platform/read-body.ts";
import { type Timers, withTimeout } from "../platform/timeout.ts";
import { readEvent } from "../qonto/read-event.ts";
import { readSignature, type Signature } from "../qonto/signature.ts";
import { subscriptionSecrets } from "../qonto/subscription-secret.ts";
import { recordReceiverCanary } from "../store/cron-state.ts";
import type { Recorded } from "../store/events.ts";
import { keepInQuarantine, toQuarantined } from "../store/quarantine.ts";
import { recordTogether } from "./record-events.ts";
import { sendTogether } from "./send-events.ts";
import { makeDurable } from "./make-durable.ts";
import type { Refusal } from "./refusals.ts";

/** The outcome of a webhook request. The facts are for the log. */
export type ReceiveResult =
  | (Facts & {
      readonly outcome: "accepted" | "duplicate";
      readonly event: RelayEvent;
      readonly durableBy: Store;
      /** Whether the event was recorded before with another body. That one stays. */
      readonly isConflict: boolean;
    })
  | (Facts & { readonly outcome: "quarantined"; readonly durableBy: Store })
  | (Facts & { readonly outcome: "canary"; readonly event: RelayEvent })
  /** The sender closed the connection in the middle of its body. */
  | (Partial<Facts> & { readonly outcome: "broken_off" })
  | (Partial<Facts> & { readonly outcome: "refused"; readonly code: Refusal; readonly event?: RelayEvent | null });

interface Facts {
  readonly source: Signature["source"];
  readonly sizeBytes: number;
  /** From the beginning of the request to the end of its body, or until the relay stopped waiting. */
  readonly bodyMs: number;
}

type Store = "database" | "queue";

export interface ReceiveContext {
  readonly env: Pick<Env, "DB" | "EVENTS">;
  readonly config: Config;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly timers: Timers;
  /** Lets work continue after the answer; no acknowledgement depends on it. */
  readonly waitUntil: (work: Promise<unknown>) => void;
}

/** How long the copy of a stale event may delay its refusal. */
const QUARANTINE_TIMEOUT_MS = 400;

/**
 * A message carries a body up to this length, although D1 has it too. Longer bodies are loaded from D1, by one call for a
 * batch, because messages are copied and parsed several times.
 */
const MAX_INLINE_CHARACTERS = 4_096;

/** Decides over one webhook request. Nothing is parsed or kept before the signature is verified. */
export async function receiveEvent(request: Request, context: ReceiveContext): Promise<ReceiveResult> {
  const { config, now } = context;
  const startedAt = now();
  const signature = readSignature(request.headers);
  if (typeof signature === "string") return { outcome: "refused", code: signature };

  const { source } = signature;
  const secrets = await secretsOf(source, config);
  if (secrets.length === 0) return { outcome: "refused", code: "not_configured", source };

  const body = await readBody(request, config.maxBodyBytes, context.timers);
  // After the body: a slow body does not shorten the lease, and counts towards the signature's age.
  const receivedAt = now();
  const bodyMs = receivedAt - startedAt;
  if (body === "broken_off") return { outcome: "broken_off", source, bodyMs };
  if (typeof body === "string") return { outcome: "refused", code: body, source, bodyMs };
  const facts: Facts = { source, sizeBytes: body.length, bodyMs };

  if (!(await signature.matches(body, ...secrets))) {
    return { outcome: "refused", code: "signature_mismatch", ...facts };
  }

  const metadata = { source, receivedAt, ...readForwardedHeaders(request.headers) };
  const event = readEvent(body, metadata);
  const isCanary = event?.type === CANARY_TYPE;
  const timestampFault = judgeTimestamp(signature.timestamp, receivedAt, config.signatureToleranceSeconds);
  if (timestampFault === "timestamp_too_old" && !isCanary) await keepStale({ ...metadata, body }, event, context);
  if (timestampFault !== null) return { outcome: "refused", code: timestampFault, event, ...facts };

  if (event === null) return { ...facts, ...(await quarantineUnreadable({ ...metadata, body }, context)) };
  return { ...facts, ...(await (isCanary ? answerCanary(event, context) : accept(event, context))) };
}

/** Those that are set, and those of the relay's own subscriptions. */
async function secretsOf(source: Signature["source"], config: Config): Promise<readonly string[]> {
  if (source === "onboarding") return config.secrets.onboarding;
  return [...config.secrets.business, ...(await subscriptionSecrets(config.subscriptionKeys))];
}

/**
 * The headers that go out with the body. The runtime changes bytes that are not UTF-8 to U+FFFD, so a value is passed on
 * only if it is visible ASCII.
 */
function readForwardedHeaders(headers: Headers): Pick<RelayEvent, "contentType" | "contentEncoding"> {
  const visible = (name: string) => /^[\t\x20-\x7e]+$/.exec(headers.get(name) ?? "")?.[0] ?? null;
  return {
    contentType: visible("content-type") ?? (headers.has("content-type") ? "application/octet-stream" : null),
    contentEncoding: visible("content-encoding"),
  };
}

/** Exactly the tolerance is accepted, on either side. */
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

/** The doctor's own event, of either system: verified and written like any other, so that its answer takes as long. */
async function answerCanary(event: RelayEvent, context: ReceiveContext) {
  const record = () => recordReceiverCanary(context.env.DB, event.receivedAt);
  const durable = await makeDurable({ record, send: () => null }, context);
  return typeof durable === "string"
    ? ({ outcome: "refused", code: durable, event } as const)
    : ({ outcome: "canary", event } as const);
}

async function accept(event: RelayEvent, context: ReceiveContext) {
  const { env, timers, waitUntil } = context;
  const leaseUntil = firstLease(event.receivedAt);
  const record = () => {
    const recording = recordTogether(env.DB, event);
    // Others may wait for this write, so it goes on even if the sender closes its connection.
    waitUntil(recording.catch(() => undefined));
    return recording;
  };
  const send = () => {
    const toSend = inline(event, leaseUntil);
    return toSend && env.EVENTS.send(messageOf([toSend.event]));
  };
  const durable = await makeDurable({ record, send }, context);
  if (typeof durable === "string") return { outcome: "refused", code: durable, event } as const;

  const recorded: Recorded = durable.by === "database" ? durable.outcome : { status: "new", isConflict: false };
  if (recorded.status !== "duplicate" && !durable.sent) {
    // The lease belongs to the message of the arrival that was recorded.
    const lease = recorded.status === "new" ? leaseUntil : null;
    // The body that was recorded first goes out.
    const isInline = event.body.length <= MAX_INLINE_CHARACTERS && !recorded.isConflict;
    const toSend = (isInline ? inline(event, lease) : null) ?? measure(byId(event.id, lease));
    waitUntil(sendAfterAnswer(env, toSend, timers));
  }
  // Qonto is told `duplicate` also when the lost message is sent again.
  const outcome = recorded.status === "new" ? "accepted" : "duplicate";
  return { outcome, event, durableBy: durable.by, isConflict: recorded.isConflict } as const;
}

/** If it fails, or the isolate dies before, the recovery scan finds the event. */
async function sendAfterAnswer(env: ReceiveContext["env"], toSend: Measured, timers: Timers): Promise<void> {
  try {
    await sendTogether(env, toSend, timers);
  } catch (error) {
    logFailure("receive", error, { message: "event.send_failed", event_id: toSend.event.id });
  }
}

async function quarantineUnreadable(unreadable: RawEvent, context: ReceiveContext) {
  const { env } = context;
  const quarantined = await toQuarantined(unreadable, "unreadable", null);
  const send = () => {
    const message = quarantineMessageOf(unreadable);
    return message && env.EVENTS.send(message);
  };
  const durable = await makeDurable({ record: () => keepInQuarantine(env.DB, quarantined), send }, context);
  if (typeof durable === "string") return { outcome: "refused", code: durable } as const;
  // Qonto sends it again. The queue would not help: D1 has no room for it.
  if (durable.by === "database" && durable.outcome === "full") {
    logFailure("receive", new QuarantineFull(), { message: "event.refused" });
    return { outcome: "refused", code: "not_stored" } as const;
  }
  return { outcome: "quarantined", durableBy: durable.by } as const;
}

/** A refusal acknowledges nothing: if D1 does not take the copy, Qonto's next try brings another. */
async function keepStale(
  stale: RawEvent,
  event: RelayEvent | null,
  { env, timers, waitUntil }: ReceiveContext,
): Promise<void> {
  const keep = async () => {
    const quarantined = await toQuarantined(stale, "timestamp_too_old", event?.id ?? null);
    if ((await keepInQuarantine(env.DB, quarantined)) === "full") throw new QuarantineFull();
  };
  const keeping = keep().catch((error: unknown) =>
    logFailure("receive", error, { message: "stale_event.dropped", event_id: event?.id }),
  );
  waitUntil(keeping);
  await withTimeout(keeping, QUARANTINE_TIMEOUT_MS, timers);
}

class QuarantineFull extends Error {
  override readonly name = "QuarantineFull";
  override readonly message = "The quarantine has no room; the event was not kept";
}
