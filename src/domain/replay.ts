/**
 * What a destination is to get again of its past. `failed`: its dead deliveries. `missing`: events that it wants and has
 * never been owed, for it did not exist or was disabled. `all`: these, and also what it already has.
 */
type Which = "failed" | "missing" | "all";

/** A destination that is being filled with its past. Times are Unix milliseconds. */
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
