import type { World } from "../../../src/platform/world.ts";

const MIDDAY = Date.parse("2026-03-01T12:00:00Z");

interface Timer {
  readonly dueAt: number;
  readonly callback: () => void;
}

/**
 * A clock in the test's hand. Time passes when the test says so. While somebody waits for the relay it also passes to the
 * next timer, but only once nothing else goes on: no timeout ends what the machine is only slow to do.
 */
export class Clock implements Pick<World, "now" | "setTimer"> {
  #time = MIDDAY;
  readonly #timers = new Set<Timer>();
  /** Reject the waits once no timer is left. */
  readonly #waiting = new Set<(error: Error) => void>();
  #isRunning = false;

  readonly now = (): number => this.#time;

  readonly setTimer = (ms: number, callback: () => void): (() => void) => {
    const timer = { dueAt: this.#time + ms, callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  };

  set(time: number): void {
    this.#time = time;
  }

  /** Waits for the relay, and lets time pass where that is all it waits for. */
  async waitFor<Value>(work: Promise<Value>): Promise<Value> {
    const { promise: stuck, reject } = Promise.withResolvers<never>();
    this.#waiting.add(reject);
    if (!this.#isRunning) void this.#run();
    try {
      return await Promise.race([work, stuck]);
    } finally {
      this.#waiting.delete(reject);
    }
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (await standstill(); this.#waiting.size > 0; await standstill()) {
      const timer = this.#takeNext();
      if (timer === undefined) {
        for (const reject of this.#waiting) reject(new Error("Nothing goes on any more, and no timer is set"));
        break;
      }
      this.#time = Math.max(this.#time, timer.dueAt);
      timer.callback();
    }
    this.#isRunning = false;
  }

  #takeNext(): Timer | undefined {
    const [next] = [...this.#timers].toSorted((one, other) => one.dueAt - other.dueAt);
    if (next !== undefined) this.#timers.delete(next);
    return next;
  }
}

/**
 * Resolves once nothing goes on any more but what waits for time to pass. The runtime looks at its timers only when all
 * that is ready has been done, and D1 runs in the same process; clock.test.ts holds that.
 */
export function standstill(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, 0));
}
