/** The platform's rate limiter on the test's own clock: so many calls in each minute for each key. */
export class CountingRateLimit implements RateLimit {
  readonly keys: string[] = [];
  readonly #limit: number;
  readonly #now: () => number;
  readonly #counts = new Map<string, number>();

  constructor(limit: number, now: () => number) {
    this.#limit = limit;
    this.#now = now;
  }

  async limit({ key }: RateLimitOptions): Promise<RateLimitOutcome> {
    this.keys.push(key);
    const window = `${key} ${Math.floor(this.#now() / 60_000)}`;
    const count = (this.#counts.get(window) ?? 0) + 1;
    this.#counts.set(window, count);
    return { success: count <= this.#limit };
  }
}
