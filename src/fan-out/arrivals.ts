import type { CarriedEvent, EventsMessage } from "../messages.ts";

/** A message of the events queue. */
export interface Arrived {
  readonly content: EventsMessage;
  /** Otherwise the consumer of an earlier try may still be at work. */
  readonly isFirstTry: boolean;
}

/** An event that messages of a batch name. */
export interface Arrival {
  readonly id: string;
  /** Ends of the leases that its messages name, Unix milliseconds. One at most is the lease with which it was recorded. */
  readonly leases: readonly number[];
  /** Null: D1 has it. */
  readonly carried: CarriedEvent | null;
}

/** The events of a batch's messages, each once. */
export function collectArrivals(messages: readonly Arrived[]): Arrival[] {
  const arrivals = new Map<string, Arrival>();
  for (const { content, isFirstTry } of messages) {
    for (const { id, lease_until, carried } of content.events) {
      const known = arrivals.get(id) ?? { id, leases: [], carried: null };
      const leases = isFirstTry && lease_until !== null ? [...known.leases, lease_until] : known.leases;
      arrivals.set(id, { id, leases, carried: known.carried ?? carried });
    }
  }
  return [...arrivals.values()];
}
