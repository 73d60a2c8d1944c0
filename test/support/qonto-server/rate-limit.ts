/** Requests in so many milliseconds; the one that exceeds a window is refused until the window is over. */
export interface Window {
  readonly requests: number;
  readonly milliseconds: number;
}

/** As documented, for an address. */
export const documentedLimits: readonly Window[] = [
  { requests: 1_000, milliseconds: 10_000 },
  { requests: 10_000, milliseconds: 600_000 },
];

/** Answers of 401 in an hour; then everything is refused. */
export const documentedUnauthorizedLimit: Window = { requests: 200, milliseconds: 3_600_000 };

export class RateLimit {
  readonly #windows: readonly Window[];
  readonly #instants: number[] = [];

  constructor(windows: readonly Window[]) {
    this.#windows = windows;
  }

  /** Milliseconds until it is over; 0 while it is not reached. */
  waitMs(now: number): number {
    const waits = this.#windows.map(({ requests, milliseconds }) => {
      const within = this.#instants.filter((at) => at > now - milliseconds);
      const oldest = within.at(-requests);
      return oldest === undefined ? 0 : oldest + milliseconds - now;
    });
    return Math.max(0, ...waits);
  }

  note(now: number): void {
    this.#instants.push(now);
  }
}
