import type { Env } from "../env.ts";
import { parseMessage } from "../messages.ts";
import { logFailure } from "../platform/log.ts";

/**
 * Takes what a consumer could not handle in all its tries. An event that only the queue has taken exists nowhere else,
 * so its message starts again from the beginning; a delivery is in D1, where the cron finds it.
 */
export async function consumeDeadLetters(batch: MessageBatch, env: Pick<Env, "EVENTS">): Promise<void> {
  for (const message of batch.messages) {
    const content = parseMessage(message.body);
    logFailure("dead-letter", new Error("A message was given up on"), { message_id: message.id, kind: content?.kind });
    if (content === null) {
      // Comes back, and into the log, a hundred times more: nobody who could read it is here yet.
      message.retry();
      continue;
    }
    if (content.kind !== "due") await env.EVENTS.send(content);
    message.ack();
  }
}
