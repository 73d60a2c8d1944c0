import type { Event } from "../events/event.ts";

/** Events are listed by the time of their receipt, but can be recorded later than one that was received after them. */
interface Sighting {
  readonly receivedAtMs: number;
  readonly state: string;
}

export const PENDING = "pending";

/** Which events have been seen, and in which state: so that each is shown once, and each end once. */
export class Sightings {
  readonly #seen = new Map<string, Sighting>();
  #newestMs: number | null = null;

  /** Receipt of the newest one, Unix milliseconds; null while there is none. */
  get newestMs(): number | null {
    return this.#newestMs;
  }

  /** Those that wait for an end, the longest unasked first. */
  get pending(): string[] {
    return [...this.#seen].filter(([, { state }]) => state === PENDING).map(([id]) => id);
  }

  /** Takes a list, in any order; tells what was not known, oldest first, and which events have come to an end. */
  take(events: readonly Event[]): { fresh: Event[]; ended: Event[] } {
    const oldestFirst = events.toSorted((one, other) => Date.parse(one.received_at) - Date.parse(other.received_at));
    const fresh: Event[] = [];
    const ended: Event[] = [];
    for (const one of oldestFirst) {
      const before = this.#seen.get(one.id);
      if (before === undefined) fresh.push(one);
      if (one.state !== PENDING && (before === undefined || before.state === PENDING)) ended.push(one);
      const receivedAtMs = Date.parse(one.received_at);
      // Set anew, it goes to the end of the line.
      this.#seen.delete(one.id);
      this.#seen.set(one.id, { receivedAtMs, state: one.state });
      this.#newestMs = Math.max(this.#newestMs ?? receivedAtMs, receivedAtMs);
    }
    return { fresh, ended };
  }

  /** Takes that an event is gone: it is waited for no longer. */
  drop(id: string): void {
    const known = this.#seen.get(id);
    if (known !== undefined) this.#seen.set(id, { ...known, state: "gone" });
  }

  /** Forgets what no list will show again and that waits for no end. */
  forgetBefore(receivedAtMs: number): void {
    for (const [id, sighting] of this.#seen) {
      if (sighting.receivedAtMs < receivedAtMs && sighting.state !== PENDING) this.#seen.delete(id);
    }
  }
}
