import type { Env } from "./env.ts";
import { type QueuedEvent, byId, measure, pack } from "./messages.ts";
import { logFailure } from "./platform/log.ts";
import { type Timers, withTimeout } from "./platform/timeout.ts";

/** A queue can hang for a minute. Nobody waits for that: the recovery scan finds the events within two. */
const SEND_TIMEOUT_MS = 1_000;

/**
 * Sends the messages of events whose transaction is through, so that their first attempts need not wait for the recovery scan.
 * At most 2,000 events, of which D1 has the bodies. Never throws. `unit`: of the log line, when it fails.
 */
export async function announceEvents(
  env: Pick<Env, "EVENTS">,
  events: readonly QueuedEvent[],
  timers: Timers,
  unit: "connection" | "cron" = "connection",
): Promise<void> {
  if (events.length === 0) return;
  const sending = env.EVENTS.sendBatch(pack(events.map(measure)).map((body) => ({ body })));
  const sent = await withTimeout(sending, SEND_TIMEOUT_MS, timers);
  if (sent.state === "done") return;
  const error = sent.state === "failed" ? sent.error : new Error("The queue does not answer");
  logFailure(unit, error, { message: "event.send_failed", event_ids: events.map(({ id }) => id) });
}

/** The same for an operational event. */
export function announceOperationalEvent(env: Pick<Env, "EVENTS">, id: string, timers: Timers): Promise<void> {
  return announceEvents(env, [byId(id, null)], timers);
}
