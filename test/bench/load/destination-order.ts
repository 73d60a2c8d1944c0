/** What the process of the destinations is asked: how many requests came that are answered; or which came, and to forget them. */
export type DestinationOrder = "count" | "take";

export interface Arrival {
  readonly path: string;
  /** Of the event. */
  readonly id: string;
  /** Unix milliseconds, with fractions. */
  readonly at: number;
}
