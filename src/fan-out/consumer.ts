import { type QuarantineMessage, aboutOf, parseMessage } from "../messages.ts";
import { logFailure } from "../platform/log.ts";
import { writeMarks } from "../store/marks.ts";
import { keepInQuarantine, quarantineId } from "../store/quarantine.ts";
import { type FanningOut, fanOut } from "./fan-out.ts";
import type { MessageVerdict } from "./verdict.ts";

/**
 * Takes a batch of the events queue. A message is acknowledged only once what it stands for is in D1; whatever goes
 * wrong before leaves it with the queue.
 */
export async function consumeEvents(batch: MessageBatch, fanningOut: FanningOut): Promise<void> {
  const messages = batch.messages.map((message) => ({ message, content: parseMessage(message.body) }));
  const arrivals = messages.flatMap(({ message, content }) =>
    content?.kind === "event" || content?.kind === "recorded_event"
      ? { content, isFirstTry: message.attempts === 1 }
      : [],
  );
  const verdicts = await fanOut(arrivals, fanningOut);

  for (const { message, content } of messages) {
    switch (content?.kind) {
      case "event":
      case "recorded_event":
        decide(message, verdicts.get(content.id) ?? "done");
        break;
      case "quarantine":
        decide(message, await keepUnreadable(content, fanningOut));
        break;
      case "probe":
        await writeMarks(fanningOut.env.DB, { probed_events: content.sent_at });
        message.ack();
        break;
      default:
        logFailure("consume-events", new Error("A message that this queue does not carry"), { message_id: message.id });
        message.retry();
    }
  }
}

function decide(message: Message, verdict: MessageVerdict): void {
  if (verdict === "done") message.ack();
  else message.retry({ delaySeconds: verdict.againInSeconds });
}

/** Room for what has been acknowledged comes with time: by hand, or by age. In all its tries it waits most of a day. */
const WHEN_THERE_IS_ROOM: MessageVerdict = { againInSeconds: 600 };

async function keepUnreadable(message: QuarantineMessage, { env }: FanningOut): Promise<MessageVerdict> {
  const body = Uint8Array.fromBase64(message.body_base64);
  const id = await quarantineId(null, body);
  const kept = await keepInQuarantine(env.DB, { ...aboutOf(message), id, eventId: null, reason: "unreadable", body });
  return kept === "full" ? WHEN_THERE_IS_ROOM : "done";
}
