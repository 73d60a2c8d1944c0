import { type QueueMessage, type QueuedEvent, messageOf } from "../../../src/messages.ts";

export function eventsIn(message: QueueMessage): readonly QueuedEvent[] {
  return message.kind === "events" ? message.events : [];
}

/** The message with each of its events changed. */
export function changeEvents(message: QueueMessage, change: (event: QueuedEvent) => QueuedEvent): QueueMessage {
  return message.kind === "events" ? messageOf(message.events.map(change)) : message;
}
