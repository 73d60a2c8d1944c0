import { type Timers, sleep } from "./timeout.ts";

/** The most that one write takes. */
interface BatchLimit {
  readonly items: number;
  /** In the unit of `weigh`. */
  readonly weight: number;
}

/** `alone`: the group's write brought no outcome for the item, so its own request writes it. */
type Result<Outcome> = { readonly outcome: Outcome } | "alone";

interface Waiting<Item, Outcome> {
  readonly item: Item;
  /** Null until the write that took the item has ended. */
  result: Result<Outcome> | null;
}

/** A request looks for its result after this, and then at intervals that grow with its waiting time. */
const FIRST_LOOK_MS = 2;
const INTERVAL_GROWTH = 1 / 8;

/** After this a request begins the next write, although the one before has not ended. */
const WRITE_TIMEOUT_MS = 100;

/** The platform ends any write by then. */
const MAX_WAIT_MS = 30_000;

/**
 * Writes items that come at the same moment together, as databases commit in groups. The first is written at once. Those that
 * come meanwhile wait for the next write, which the first request makes that sees the end of this one.
 *
 * Requests of an isolate may share data, but no promise. So each write belongs to one request, and the others look for their
 * results by timers of their own.
 */
export class GroupCommit<Item, Outcome> {
  #waiting: Waiting<Item, Outcome>[] = [];
  /** The latest write that has not ended. */
  #current: object | null = null;
  readonly #write: (items: readonly Item[], isRepeated: boolean) => Promise<readonly Outcome[]>;
  readonly #weigh: (item: Item) => number;
  readonly #limit: BatchLimit;
  readonly #timers: Timers;

  /** `write` returns an outcome for each item, in their order. `isRepeated`: it may have been done already. */
  constructor(
    write: (items: readonly Item[], isRepeated: boolean) => Promise<readonly Outcome[]>,
    {
      weigh,
      limit,
      timers,
    }: { readonly weigh: (item: Item) => number; readonly limit: BatchLimit; readonly timers: Timers },
  ) {
    this.#write = write;
    this.#weigh = weigh;
    this.#limit = limit;
    this.#timers = timers;
  }

  async add(item: Item): Promise<Outcome> {
    if (this.#current === null) return this.#writeNext(item);
    const result = await this.#wait(item);
    if (result === "next") return this.#writeNext(item);
    return result === "alone" ? this.#writeAlone(item, true) : result.outcome;
  }

  /** The result of an item; or `next`: its request makes the next write. */
  async #wait(item: Item): Promise<Result<Outcome> | "next"> {
    const waiting: Waiting<Item, Outcome> = { item, result: null };
    this.#waiting.push(waiting);
    let waitedMs = 0;
    while (waitedMs < MAX_WAIT_MS) {
      const pauseMs = Math.ceil(FIRST_LOOK_MS + waitedMs * INTERVAL_GROWTH);
      await sleep(pauseMs, this.#timers);
      waitedMs += pauseMs;
      if (waiting.result !== null) return waiting.result;
      const mayWrite = this.#current === null || waitedMs >= WRITE_TIMEOUT_MS;
      if (mayWrite && this.#leave(waiting)) return "next";
    }
    throw new Error("The request that was to write this item has ended");
  }

  /** Returns false when a write has taken the item already. */
  #leave(waiting: Waiting<Item, Outcome>): boolean {
    const index = this.#waiting.indexOf(waiting);
    if (index !== -1) this.#waiting.splice(index, 1);
    return index !== -1;
  }

  async #writeNext(item: Item): Promise<Outcome> {
    const others = this.#takeOthers(item);
    const current = {};
    this.#current = current;
    try {
      return await (others.length === 0 ? this.#writeAlone(item, false) : this.#writeGroup(item, others));
    } finally {
      // Another request may have begun a write after the timeout.
      if (this.#current === current) this.#current = null;
    }
  }

  /** If the write fails, each request writes its own item: none fails by the fault of another item. */
  async #writeGroup(item: Item, others: readonly Waiting<Item, Outcome>[]): Promise<Outcome> {
    const items = [item, ...others.map((other) => other.item)];
    const [outcome, ...outcomes] = await this.#write(items, false).catch((): readonly Outcome[] => []);
    for (const [index, other] of others.entries()) {
      const its = outcomes[index];
      other.result = its === undefined ? "alone" : { outcome: its };
    }
    return outcome ?? this.#writeAlone(item, true);
  }

  async #writeAlone(item: Item, isRepeated: boolean): Promise<Outcome> {
    const [outcome] = await this.#write([item], isRepeated);
    if (outcome === undefined) throw new Error("A write without an outcome");
    return outcome;
  }

  /** Those that have waited longest, as many as the limit allows. */
  #takeOthers(item: Item): Waiting<Item, Outcome>[] {
    let weight = this.#weigh(item);
    const end = this.#waiting.findIndex((one, index) => {
      weight += this.#weigh(one.item);
      return weight > this.#limit.weight || index + 2 > this.#limit.items;
    });
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : end);
  }
}
