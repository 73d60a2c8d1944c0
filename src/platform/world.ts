/** What the Worker cannot compute: time, chance and the network. Tests bring their own. */
export interface World {
  /** Unix milliseconds. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
}
