import type { Destination } from "../domain/destination.ts";
import type { DrainMessage, QueueMessage } from "../messages.ts";

/** The queue's own limits. */
const MESSAGES_PER_BATCH = 100;
const MAX_DELAY_SECONDS = 86_400;

/** The delay with which a message comes at a time, or a moment later; no more than the queue can give it. */
export function delaySecondsUntil(at: number, now: number): number {
  return Math.min(Math.max(Math.ceil((at - now) / 1000), 0), MAX_DELAY_SECONDS);
}

/** How long a destination that fails slowly is left in peace; one that is well but slow is brought more at once. */
const SLOW_FAILURE_REST_MS = 1_000;

/** Wait before a destination that has just let attempts run late is brought more. */
export function restMs({ isFailing }: Pick<Destination, "isFailing">): number {
  return isFailing ? SLOW_FAILURE_REST_MS : 0;
}

/** When the retries is to look at a destination. */
export interface DrainRequest {
  readonly destinationId: string;
  /** Unix milliseconds. */
  readonly at: number;
}

/**
 * Sends the messages that drain the retries, timed to arrive when something is due; one is enough for all that is due at
 * a destination in the same second. D1 has the due times as well: a message that is lost costs a delay until the cron sends
 * another.
 */
export async function scheduleDrains(
  queue: Queue<QueueMessage>,
  drains: readonly DrainRequest[],
  now: number,
): Promise<void> {
  const messages = new Map<string, { body: DrainMessage; delaySeconds: number }>();
  for (const { destinationId, at } of drains.toSorted((one, other) => one.at - other.at)) {
    const delaySeconds = delaySecondsUntil(at, now);
    // The latest of them stands for all.
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
