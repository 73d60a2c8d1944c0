/**
 * Which events a replay sends. `failed`: those with a dead delivery. `missing`: those that the destination wants and is no
 * recipient of, because it did not exist or was disabled. `all`: the missing ones, and those that it has already got.
 */
type Which = "failed" | "missing" | "all";

/** The sending of a range of events to a destination. Times are Unix milliseconds. */
export interface Replay {
  readonly id: string;
  readonly destinationId: string;
  readonly which: Which;
  /** By receipt of the events, inclusive. */
  readonly since: number;
  /** Exclusive. */
  readonly until: number;
  /** The last event looked at. */
  readonly reached: { readonly receivedAt: number; readonly id: string };
  readonly createdAt: number;
  readonly finishedAt: number | null;
}
