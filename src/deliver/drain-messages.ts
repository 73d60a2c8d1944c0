import { MAX_DELAY_SECONDS } from "../domain/retry-after.ts";
import type { Env } from "../env.ts";
import type { DrainMessage, QueueMessage } from "../messages.ts";
import { logFailure } from "../platform/log.ts";
import { probeNow } from "../store/circuits.ts";

/** The queue's own limit. */
const MESSAGES_PER_BATCH = 100;

/** The delay with which a message arrives at an instant, or a moment later; at most what the queue allows. */
export function delaySecondsUntil(at: number, now: number): number {
  return Math.min(Math.max(Math.ceil((at - now) / 1000), 0), MAX_DELAY_SECONDS);
}

/** A destination to drain. */
export interface DrainRequest {
  readonly destinationId: string;
  /** Unix milliseconds. */
  readonly at: number;
}

/**
 * Sends drain messages, timed to arrive when deliveries are due. One message is enough for all that is due at a destination
 * in the same second. D1 knows the due times as well, so the cron makes up for a message that is lost.
 */
export async function scheduleDrains(
  queue: Queue<QueueMessage>,
  drains: readonly DrainRequest[],
  now: number,
): Promise<void> {
  const messages = new Map<string, { body: DrainMessage; delaySeconds: number }>();
  // In the order of time, so that the last of a second stays.
  for (const { destinationId, at } of drains.toSorted((one, other) => one.at - other.at)) {
    const delaySeconds = delaySecondsUntil(at, now);
    messages.set(`${destinationId} ${delaySeconds}`, {
      body: { kind: "drain", destination_id: destinationId, due_at: at },
      delaySeconds,
    });
  }
  const all = [...messages.values()];
  for (let start = 0; start < all.length; start += MESSAGES_PER_BATCH) {
    await queue.sendBatch(all.slice(start, start + MESSAGES_PER_BATCH));
  }
}

/** The same where a message that cannot be sent is no reason to fail: the cron drains what is overdue. */
export async function tryScheduleDrains(
  queue: Queue<QueueMessage>,
  drains: readonly DrainRequest[],
  now: number,
): Promise<void> {
  try {
    await scheduleDrains(queue, drains, now);
  } catch (error) {
    logFailure("deliver", error, { message: "drain_message.send_failed" });
  }
}

/** Drains destinations at an operator's request. One whose circuit is open is probed as soon as it may be. */
export async function drainNow(
  { DB, RETRIES }: Pick<Env, "DB" | "RETRIES">,
  destinationIds: readonly string[],
  now: number,
): Promise<void> {
  const probes = await probeNow(DB, destinationIds, now);
  const drains = destinationIds.map((destinationId) => ({ destinationId, at: probes.get(destinationId) ?? now }));
  await tryScheduleDrains(RETRIES, drains, now);
}
