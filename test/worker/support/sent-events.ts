import { type QueueMessage, type SentEvent, messageOf } from "../../../src/messages.ts";

export function eventsIn(message: QueueMessage): readonly SentEvent[] {
  return message.kind === "events" ? message.events : [];
}

/** The message with each of its events changed. */
export function changeEvents(message: QueueMessage, change: (event: SentEvent) => SentEvent): QueueMessage {
  return message.kind === "events" ? messageOf(message.events.map(change)) : message;
}
