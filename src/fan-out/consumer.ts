import { EVENTS_AT_ONCE, type QuarantineMessage, parseMessage, unreadableOf } from "../messages.ts";
import type { DeliverContext } from "../deliver/context.ts";
import { logFailure } from "../platform/log.ts";
import { writeCronState } from "../store/cron-state.ts";
import { keepInQuarantine, toQuarantined } from "../store/quarantine.ts";
import { type ReceivedMessage, collectEvents } from "./batch-events.ts";
import { fanOut } from "./fan-out.ts";
import { type MessageVerdict, sooner } from "./verdict.ts";

/** Takes a batch of the events queue. A message is acknowledged when its events are recorded and dispatched. */
export async function consumeEvents(batch: MessageBatch, context: DeliverContext): Promise<void> {
  const messages = batch.messages.map((message) => ({ message, content: parseMessage(message.body) }));
  const received = messages.flatMap(({ message, content }) =>
    content?.kind === "events" ? { message, content, isFirstTry: message.attempts === 1 } : [],
  );
  await fanOutAll(received, context);

  for (const { message, content } of messages) {
    switch (content?.kind) {
      case "events":
        break;
      case "quarantine":
        decide(message, await keepUnreadable(content, context));
        break;
      case "canary":
        await writeCronState(context.env.DB, { canary_events: content.sent_at });
        message.ack();
        break;
      default:
        logFailure("fan_out", new Error("The message cannot be parsed, or belongs to another queue"), {
          message: "message.refused",
          message_id: message.id,
        });
        message.retry();
    }
  }
}

/**
 * Fans out the events of all messages, EVENTS_AT_ONCE at a time, and decides over each message by its events. If a fan-out
 * fails, the messages whose events all have a verdict are decided over; the queue repeats the others.
 */
async function fanOutAll(
  received: readonly (ReceivedMessage & { readonly message: Message })[],
  context: DeliverContext,
): Promise<void> {
  const batchEvents = collectEvents(received);
  const verdictsById = new Map<string, MessageVerdict>();
  try {
    for (let start = 0; start < batchEvents.length; start += EVENTS_AT_ONCE) {
      const chunk = batchEvents.slice(start, start + EVENTS_AT_ONCE);
      const verdicts = await fanOut(chunk, context);
      // Without a verdict: an id that D1 lacks, because retention has deleted the event.
      for (const { id } of chunk) verdictsById.set(id, verdicts.get(id) ?? "done");
    }
  } finally {
    for (const { message, content } of received) {
      const verdicts = content.events.flatMap(({ id }) => verdictsById.get(id) ?? []);
      if (verdicts.length === content.events.length) decide(message, verdicts.reduce(sooner, "done"));
    }
  }
}

function decide(message: Message, verdict: MessageVerdict): void {
  if (verdict === "done") message.ack();
  else message.retry({ delaySeconds: verdict.retryInSeconds });
}

/** A full quarantine gets room by an operator, or by retention. The tries of a message last most of a day. */
const WHEN_THERE_IS_ROOM: MessageVerdict = { retryInSeconds: 600 };

async function keepUnreadable(message: QuarantineMessage, { env }: DeliverContext): Promise<MessageVerdict> {
  const quarantined = await toQuarantined(unreadableOf(message), "unreadable", null);
  return (await keepInQuarantine(env.DB, quarantined)) === "full" ? WHEN_THERE_IS_ROOM : "done";
}
