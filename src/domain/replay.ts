/**
 * What a destination gets.
 *
 *   failed   its dead deliveries
 *   missing  events that match and have it as no recipient, because it did not exist then, was disabled or had other filters
 *   all      both, and what it already has
 */
type Which = "failed" | "missing" | "all";

/** A replay of past events to a destination. Times are Unix milliseconds. */
export interface Replay {
  readonly id: string;
  readonly destinationId: string;
  readonly which: Which;
  /** Of the events' receipt, inclusive. */
  readonly since: number;
  /** Exclusive. */
  readonly until: number;
  /** The last event looked at. */
  readonly reached: { readonly receivedAt: number; readonly id: string };
  readonly createdAt: number;
  readonly finishedAt: number | null;
}
