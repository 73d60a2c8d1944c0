import { parseMessage } from "../messages.ts";
import { logFailure } from "../platform/log.ts";
import { delaySecondsUntil } from "../deliver/drain-messages.ts";
import { writeCronState } from "../store/cron-state.ts";
import { type Draining, drainDestinations } from "./drain-destinations.ts";

/**
 * Takes a batch of the retries queue. Its messages only say where to look, and when: what is owed is in D1, so all whose time
 * has come are acknowledged once what they called for is written down. Should that fail they come again, and the cron drains
 * for what they forgot.
 */
export async function consumeRetries(batch: MessageBatch, draining: Draining): Promise<void> {
  const now = draining.world.now();
  const destinationIds = new Set<string>();
  for (const message of batch.messages) {
    const content = parseMessage(message.body);
    if (content?.kind === "drain") {
      const { destination_id: destinationId, due_at: dueAt = now } = content;
      if (dueAt > now) message.retry({ delaySeconds: delaySecondsUntil(dueAt, now) });
      else destinationIds.add(destinationId);
    } else if (content?.kind === "probe") {
      await writeCronState(draining.env.DB, { probed_retries: content.sent_at });
    } else {
      logFailure("retry", new Error("This queue does not carry such messages"), {
        message: "message.refused",
        message_id: message.id,
      });
      message.retry();
    }
  }
  if (destinationIds.size > 0) await drainDestinations([...destinationIds], draining);
}
