import type { Event } from "../events.ts";

export const PENDING = "pending";

interface Seen {
  readonly receivedAtMs: number;
  readonly state: string;
}

/**
 * The events that were seen, and their states. The relay lists events by receipt, but can record one later than others
 * that it received after it.
 */
export class SeenEvents {
  readonly #seen = new Map<string, Seen>();
  #newestMs: number | null = null;

  /** Receipt of the newest one, Unix milliseconds; null while there is none. */
  get newestMs(): number | null {
    return this.#newestMs;
  }

  /** Ids of pending events, the one that was read longest ago first. */
  get pending(): string[] {
    return [...this.#seen].filter(([, { state }]) => state === PENDING).map(([id]) => id);
  }

  /** Adds events in any order. Answers those that are new, oldest first, and those that are no longer pending. */
  add(events: readonly Event[]): { fresh: Event[]; ended: Event[] } {
    const oldestFirst = events.toSorted((one, other) => Date.parse(one.received_at) - Date.parse(other.received_at));
    const fresh: Event[] = [];
    const ended: Event[] = [];
    for (const one of oldestFirst) {
      const before = this.#seen.get(one.id);
      if (before === undefined) fresh.push(one);
      if (one.state !== PENDING && (before === undefined || before.state === PENDING)) ended.push(one);
      const receivedAtMs = Date.parse(one.received_at);
      // Deleted first, the entry moves to the end of the map.
      this.#seen.delete(one.id);
      this.#seen.set(one.id, { receivedAtMs, state: one.state });
      this.#newestMs = Math.max(this.#newestMs ?? receivedAtMs, receivedAtMs);
    }
    return { fresh, ended };
  }

  /** The relay no longer has the event: it stays known, and is not pending. */
  markDeleted(id: string): void {
    const known = this.#seen.get(id);
    if (known !== undefined) this.#seen.set(id, { ...known, state: "deleted" });
  }

  /** Drops events that no list will show again and that are not pending. */
  dropBefore(receivedAtMs: number): void {
    for (const [id, one] of this.#seen) {
      if (one.receivedAtMs < receivedAtMs && one.state !== PENDING) this.#seen.delete(id);
    }
  }
}

/** Most events end within so many rounds. Later than that, some destination has failed. */
const EARLY_REPORT_ROUNDS = 5;

/** When to report the answers of events that are still pending; each is reported once. */
export class EarlyReports {
  readonly #dueAt = new Map<string, number>();

  schedule(id: string, round: number): void {
    this.#dueAt.set(id, round + EARLY_REPORT_ROUNDS);
  }

  /** Ids that are due, longest due first. An event that is no longer pending has its outcome reported instead. */
  due(pending: readonly string[], round: number): string[] {
    const still = new Set(pending);
    for (const id of this.#dueAt.keys()) if (!still.has(id)) this.#dueAt.delete(id);
    return [...this.#dueAt]
      .filter(([, at]) => at <= round)
      .toSorted(([, one], [, other]) => one - other)
      .map(([id]) => id);
  }

  done(id: string): void {
    this.#dueAt.delete(id);
  }
}
