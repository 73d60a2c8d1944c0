import { type Timers, sleep } from "./timeout.ts";

/** Returns an outcome for each item, in their order. `isRepeated`: it may have been done already. */
type Write<Item, Outcome> = (items: readonly Item[], isRepeated: boolean) => Promise<readonly Outcome[]>;

interface Options<Item> {
  readonly weigh: (item: Item) => number;
  /** The most that one write takes; `weight` in the unit of `weigh`. */
  readonly limit: { readonly items: number; readonly weight: number };
  readonly timers: Timers;
}

interface Waiting<Item, Outcome> {
  readonly item: Item;
  /** Null until the write that took the item has ended. `none`: that write brought no outcome for it. */
  result: { readonly outcome: Outcome } | "none" | null;
}

/** A request looks for its result after this, and then at intervals that grow with its waiting time. */
const FIRST_LOOK_MS = 2;
const INTERVAL_GROWTH = 1 / 8;

/** After this a request begins the next write, although the one before has not ended. */
const WRITE_TIMEOUT_MS = 100;

/** The platform ends any write by then. */
const MAX_WAIT_MS = 30_000;

/**
 * Writes items that come at the same moment together, as databases commit in groups. An item that comes during a write waits,
 * and the first request that sees this write end makes the next one, with all that wait. Any other item is written at once.
 *
 * Requests of an isolate may share data, but no promise. So each write belongs to one request, and the others look for their
 * results by timers of their own.
 */
export class GroupCommit<Item, Outcome> {
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiting<Item, Outcome>>();
  /** The latest write that has not ended. */
  #current: object | null = null;
  readonly #write: Write<Item, Outcome>;
  readonly #options: Options<Item>;

  constructor(write: Write<Item, Outcome>, options: Options<Item>) {
    this.#write = write;
    this.#options = options;
  }

  async add(item: Item): Promise<Outcome> {
    if (this.#current === null) return this.#writeNext(item);
    const waiting: Waiting<Item, Outcome> = { item, result: null };
    this.#waiting.add(waiting);
    let waitedMs = 0;
    while (waitedMs < MAX_WAIT_MS) {
      const pauseMs = Math.ceil(FIRST_LOOK_MS + waitedMs * INTERVAL_GROWTH);
      await sleep(pauseMs, this.#options.timers);
      waitedMs += pauseMs;
      const { result } = waiting;
      if (result !== null) return result === "none" ? this.#writeAlone(item, true) : result.outcome;
      const mayWrite = this.#current === null || waitedMs >= WRITE_TIMEOUT_MS;
      // It is not there any more when a write has taken it.
      if (mayWrite && this.#waiting.delete(waiting)) return this.#writeNext(item);
    }
    throw new Error("The request that was to write this item has ended");
  }

  /** Writes an item and those that wait. If that fails, each request writes its own: none fails by the fault of another item. */
  async #writeNext(item: Item): Promise<Outcome> {
    const others = this.#takeOthers(item);
    const current = {};
    this.#current = current;
    try {
      if (others.length === 0) return await this.#writeAlone(item, false);
      const items = [item, ...others.map((other) => other.item)];
      const [own, ...outcomes] = await this.#write(items, false).catch((): readonly Outcome[] => []);
      for (const [index, other] of others.entries()) {
        const outcome = outcomes[index];
        other.result = outcome === undefined ? "none" : { outcome };
      }
      return own ?? (await this.#writeAlone(item, true));
    } finally {
      // Another request may have begun a write after the timeout.
      if (this.#current === current) this.#current = null;
    }
  }

  async #writeAlone(item: Item, isRepeated: boolean): Promise<Outcome> {
    const [outcome] = await this.#write([item], isRepeated);
    if (outcome === undefined) throw new Error("A write without an outcome");
    return outcome;
  }

  /** Those that have waited longest, as many as the limit allows. */
  #takeOthers(item: Item): Waiting<Item, Outcome>[] {
    const { weigh, limit } = this.#options;
    const taken: Waiting<Item, Outcome>[] = [];
    let weight = weigh(item);
    for (const one of this.#waiting) {
      weight += weigh(one.item);
      if (weight > limit.weight || taken.length + 1 >= limit.items) break;
      this.#waiting.delete(one);
      taken.push(one);
    }
    return taken;
  }
}
