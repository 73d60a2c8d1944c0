import type { Chance } from "./chance.ts";

interface Entry {
  readonly at: number;
  /** Decides between those of one instant. */
  readonly order: number;
  run: (() => void) | null;
}

/** Virtual time: what is to happen when. Of all that is due at one instant the seed chooses what happens first. */
export class Agenda {
  /** Unix milliseconds. */
  now: number;
  /** Things that have happened. */
  steps = 0;
  readonly #chance: Chance;
  /** A binary heap. */
  readonly #entries: Entry[] = [];

  constructor(now: number, chance: Chance) {
    this.now = now;
    this.#chance = chance;
  }

  /** Has something happen in so many milliseconds, unless the function that it returns is called before. */
  add(ms: number, run: () => void): () => void {
    const entry: Entry = { at: this.now + ms, order: this.#chance.number(), run };
    this.#push(entry);
    return () => {
      entry.run = null;
    };
  }

  /** Has the next thing happen, and all that follows from it at once; false when nothing is left to happen. */
  async step(): Promise<boolean> {
    let entry = this.#pop();
    while (entry?.run === null) entry = this.#pop();
    if (entry === undefined) return false;
    this.now = Math.max(this.now, entry.at);
    this.steps += 1;
    entry.run?.();
    await settled();
    return true;
  }

  /** Lets time go by in which nothing happens: what would have been due meanwhile comes late. */
  leap(ms: number): void {
    this.now += ms;
  }

  #push(entry: Entry): void {
    const entries = this.#entries;
    let index = entries.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = entries[parent];
      if (above === undefined || !isBefore(entry, above)) break;
      entries[index] = above;
      index = parent;
    }
    entries[index] = entry;
  }

  #pop(): Entry | undefined {
    const entries = this.#entries;
    const first = entries[0];
    const last = entries.pop();
    if (last === undefined || last === first) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      const right = entries[child + 1];
      const left = entries[child];
      if (left === undefined) break;
      if (right !== undefined && isBefore(right, left)) child += 1;
      const below = entries[child] ?? left;
      if (!isBefore(below, last)) break;
      entries[index] = below;
      index = child;
    }
    entries[index] = last;
    return first;
  }
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.at === other.at ? one.order < other.order : one.at < other.at;
}

/** All that is doubled goes on in microtasks and ticks. A tick that a microtask asks for comes when no microtask is left. */
async function settled(): Promise<void> {
  for (let round = 0; round < 2; round += 1) {
    await new Promise<void>((resolve) => queueMicrotask(() => process.nextTick(resolve)));
  }
}
