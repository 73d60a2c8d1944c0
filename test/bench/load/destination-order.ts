/** Questions to the destinations' process: how many answered requests arrived; or which ones arrived, which it then forgets. */
export type DestinationOrder = "count" | "take";

export interface Arrival {
  readonly path: string;
  /** Of the event. */
  readonly id: string;
  /** Unix milliseconds, with fractions. */
  readonly at: number;
}
