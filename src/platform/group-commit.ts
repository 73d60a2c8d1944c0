import { type Timers, sleep } from "./timeout.ts";

/** What is written together at most. */
interface Room {
  readonly items: number;
  /** In the unit of `weigh`. */
  readonly weight: number;
}

interface Waiting<Item, Outcome> {
  readonly item: Item;
  /** What became of it. `alone`: nobody knows, it is to be written by itself. Null: it still waits. */
  word: { readonly outcome: Outcome } | "alone" | null;
}

/** Those who wait look so often: at first every few milliseconds, and then the more rarely the longer it takes. */
const FIRST_LOOK_MS = 2;
const LATER_LOOKS = 1 / 8;

/** Who has waited for so long in vain waits no longer for the write that is under way, and begins the next one. */
const PATIENCE_MS = 100;

/** No write of a request can take longer: the platform ends what goes on behind an answer after 30 s. */
const MOST_PATIENCE_MS = 30_000;

/**
 * Lets what waits at the same moment be written at once, as databases commit in groups. Anyone comes first writes without
 * waiting; what comes meanwhile goes with the next write, which the first to see the end of this one makes. Requests of one
 * isolate may share plain data and nothing else, not even a promise: so each write is the I/O of one request, and those who
 * wait look by timers of their own. Should a write be cut off, the others go by their own time boxes.
 */
export class GroupCommit<Item, Outcome> {
  #waiting: Waiting<Item, Outcome>[] = [];
  /** The latest write that is under way. */
  #writing: object | null = null;
  readonly #write: (items: readonly Item[], isRepeated: boolean) => Promise<readonly Outcome[]>;
  readonly #weigh: (item: Item) => number;
  readonly #room: Room;
  readonly #timers: Timers;

  /** `write` answers an outcome for each item, in their order; `isRepeated`: it may have been done already. */
  constructor(
    write: (items: readonly Item[], isRepeated: boolean) => Promise<readonly Outcome[]>,
    { weigh, room, timers }: { readonly weigh: (item: Item) => number; readonly room: Room; readonly timers: Timers },
  ) {
    this.#write = write;
    this.#weigh = weigh;
    this.#room = room;
    this.#timers = timers;
  }

  /** Writes an item, with whatever else waits. */
  async add(item: Item): Promise<Outcome> {
    const word = this.#writing === null ? null : await this.#wait(item);
    if (word === null) return this.#writeGroup(item);
    return word === "alone" ? this.#writeAlone(item, true) : word.outcome;
  }

  /** What became of it, or null when it is for this request to write the next group. */
  async #wait(item: Item): Promise<Waiting<Item, Outcome>["word"]> {
    const waiting: Waiting<Item, Outcome> = { item, word: null };
    this.#waiting.push(waiting);
    let waitedMs = 0;
    while (waitedMs < MOST_PATIENCE_MS) {
      const pauseMs = Math.ceil(FIRST_LOOK_MS + waitedMs * LATER_LOOKS);
      await sleep(pauseMs, this.#timers);
      waitedMs += pauseMs;
      if (waiting.word !== null) return waiting.word;
      const isItsTurn = this.#writing === null || waitedMs >= PATIENCE_MS;
      const index = isItsTurn ? this.#waiting.indexOf(waiting) : -1;
      if (index === -1) continue;
      this.#waiting.splice(index, 1);
      return null;
    }
    throw new Error("Anyone was to write this is gone");
  }

  async #writeGroup(item: Item): Promise<Outcome> {
    const others = this.#takeOthers(item);
    const writing = {};
    this.#writing = writing;
    try {
      if (others.length === 0) return await this.#writeAlone(item, false);
      const [outcome, ...outcomes] = await this.#write([item, ...others.map((one) => one.item)], false);
      for (const [index, other] of others.entries()) {
        const its = outcomes[index];
        other.word = its === undefined ? "alone" : { outcome: its };
      }
      return outcome ?? (await this.#writeAlone(item, true));
    } catch (error) {
      if (others.length === 0) throw error;
      // What is wrong with one of them is no fault of the others.
      for (const other of others) other.word ??= "alone";
      return await this.#writeAlone(item, true);
    } finally {
      // Unless another has lost patience and writes by now.
      if (this.#writing === writing) this.#writing = null;
    }
  }

  /** Those that have waited longest, as many as there is room for. */
  #takeOthers(item: Item): Waiting<Item, Outcome>[] {
    let weight = this.#weigh(item);
    const end = this.#waiting.findIndex((one, index) => {
      weight += this.#weigh(one.item);
      return weight > this.#room.weight || index + 2 > this.#room.items;
    });
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : end);
  }

  async #writeAlone(item: Item, isRepeated: boolean): Promise<Outcome> {
    const [outcome] = await this.#write([item], isRepeated);
    if (outcome === undefined) throw new Error("A write without an outcome");
    return outcome;
  }
}
