import { type DeliveryMessage, parseMessage } from "../messages.ts";
import { logFailure } from "../platform/log.ts";
import { type Retrying, retryDeliveries } from "./retry-deliveries.ts";

/**
 * Takes a batch of the retries queue. Its messages only say when to look: the deliveries themselves are in D1, so all
 * are acknowledged once what they called for is written down. Should that fail, the cron sends others when the claim's
 * lease has ended.
 */
export async function consumeRetries(batch: MessageBatch, retrying: Retrying): Promise<void> {
  const deliveries: DeliveryMessage[] = [];
  for (const message of batch.messages) {
    const content = parseMessage(message.body);
    if (content?.kind === "delivery") {
      deliveries.push(content);
    } else {
      logFailure("consume-retries", new Error("A message that this queue does not carry"), { message_id: message.id });
      message.retry();
    }
  }
  if (deliveries.length > 0) await retryDeliveries(deliveries, retrying);
}
