import type { Delivery } from "../domain/delivery.ts";
import { type QueueMessage, deliveryMessageOf } from "../messages.ts";

/** The queue's own limits. */
const MESSAGES_PER_BATCH = 100;
const MAX_DELAY_SECONDS = 86_400;

/**
 * Sends the message of each pending delivery's next attempt, timed to arrive when it is due. D1 has the due time as
 * well: a message that is lost costs a delay until the cron sends another.
 */
export async function scheduleAttempts(
  queue: Queue<QueueMessage>,
  deliveries: readonly Delivery[],
  now: number,
): Promise<void> {
  const messages = deliveries.flatMap((delivery) => {
    if (delivery.nextAttemptAt === null) return [];
    const delaySeconds = Math.ceil((delivery.nextAttemptAt - now) / 1000);
    return {
      body: deliveryMessageOf(delivery, delivery.attempts.length + 1),
      delaySeconds: Math.min(Math.max(delaySeconds, 0), MAX_DELAY_SECONDS),
    };
  });
  for (let start = 0; start < messages.length; start += MESSAGES_PER_BATCH) {
    await queue.sendBatch(messages.slice(start, start + MESSAGES_PER_BATCH));
  }
}
