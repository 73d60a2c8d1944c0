import type { InlineEvent, EventsMessage } from "../messages.ts";

/**
 * The forms of an event in fan-out, in their order:
 *
 *   QueuedEvent          in a queue message: its id, the lease that the message names, and perhaps its body (../messages.ts)
 *   BatchEvent           from all messages of a batch that name it
 *   ParsedEvent          with its body, parsed (update-latest-state.ts)
 *   LoadedEvent          with what D1 says of its lease (load-and-update-state.ts)
 *   EventWithRecipients  with the destinations that match (take-events.ts)
 *   Standing             with whose it is (take-events.ts)
 */

/** A message of the events queue. */
export interface ReceivedMessage {
  readonly content: EventsMessage;
  /** Otherwise the consumer of an earlier try may still be at work. */
  readonly isFirstTry: boolean;
}

/** An event that messages of a batch name. */
export interface BatchEvent {
  readonly id: string;
  /** Ends of the leases that its messages name, Unix milliseconds. One at most is the lease with which it was recorded. */
  readonly leases: readonly number[];
  /** Null: D1 has it. */
  readonly inline: InlineEvent | null;
}

/** The events of a batch's messages, each once. */
export function collectEvents(messages: readonly ReceivedMessage[]): BatchEvent[] {
  const events = new Map<string, BatchEvent>();
  for (const { content, isFirstTry } of messages) {
    for (const { id, lease_until, inline } of content.events) {
      const known = events.get(id) ?? { id, leases: [], inline: null };
      const leases = isFirstTry && lease_until !== null ? [...known.leases, lease_until] : known.leases;
      events.set(id, { id, leases, inline: known.inline ?? inline });
    }
  }
  return [...events.values()];
}
