import { parseMessage } from "../messages.ts";
import { logFailure } from "../platform/log.ts";
import { delaySecondsUntil } from "../deliver/drain-messages.ts";
import type { DeliverContext } from "../deliver/context.ts";
import { type Config, type Env, isConnectable } from "../env.ts";
import { writeCronState } from "../store/cron-state.ts";
import { drainDestination } from "./drain-destination.ts";

export interface RetryContext extends DeliverContext {
  readonly env: Pick<Env, "DB" | "EVENTS" | "RETRIES">;
  readonly config: Config;
}

/**
 * Takes a batch of the retries queue. A drain message only says which destination to drain, and when: what is due is in D1.
 * The queue acknowledges it when this returns, usually while the attempts still run in the background. If claiming fails, the
 * queue repeats it. If a drain breaks off after its claim, another follows at the end of its lease. A refresh message says
 * whose tokens may still have to be refreshed.
 */
export async function consumeRetries(batch: MessageBatch, context: RetryContext): Promise<void> {
  const now = context.world.now();
  const destinationIds = new Set<string>();
  for (const message of batch.messages) {
    const content = parseMessage(message.body);
    if (content?.kind === "drain") {
      const { destination_id: destinationId, due_at: dueAt = now } = content;
      if (dueAt > now) message.retry({ delaySeconds: delaySecondsUntil(dueAt, now) });
      else destinationIds.add(destinationId);
    } else if (content?.kind === "refresh") {
      await finishRefreshOf(content.connection_id, context);
    } else if (content?.kind === "canary") {
      await writeCronState(context.env.DB, { canary_retries: content.sent_at });
    } else {
      logFailure("retry", new Error("The message cannot be parsed, or belongs to another queue"), {
        message: "message.refused",
        message_id: message.id,
      });
      message.retry();
    }
  }
  // One: `max_batch_size` is 1. Tests send more.
  for (const id of destinationIds) await drainDestination(id, context);
}

/** Loaded by need: most messages are drain messages. */
async function finishRefreshOf(connectionId: string, { env, config, world, counters }: RetryContext): Promise<void> {
  if (!isConnectable(config)) return;
  const { finishRefresh } = await import("../connection/tokens.ts");
  await finishRefresh(connectionId, { env, config, world, counters });
}
