import type { Env } from "./env.ts";
import { byId, messageOf } from "./messages.ts";
import { logFailure } from "./platform/log.ts";
import { type Timers, withTimeout } from "./platform/timeout.ts";

/** A queue can hang for a minute. Nobody waits for that: the recovery scan finds the event within two. */
const SEND_TIMEOUT_MS = 1_000;

/**
 * Sends the message of an operational event whose transaction is through, so that its first attempts need not wait for the
 * recovery scan. Never throws.
 */
export async function announceOperationalEvent(env: Pick<Env, "EVENTS">, id: string, timers: Timers): Promise<void> {
  const sent = await withTimeout(env.EVENTS.send(messageOf([byId(id, null)])), SEND_TIMEOUT_MS, timers);
  if (sent.state === "done") return;
  const error = sent.state === "failed" ? sent.error : new Error("The queue does not answer");
  logFailure("connection", error, { message: "event.send_failed", event_id: id });
}
