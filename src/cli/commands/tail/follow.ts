import { RelayRefusal, type RelayClient, RelayUnreachable } from "../../relay-client.ts";
import type { World } from "../../world.ts";
import { EVENTS_PATH, type Event, type EventDetail, event, eventDetail, eventPath } from "../events.ts";

/** How far back each list goes: an event is mostly recorded within this time of its receipt. */
const NEAR_MS = 15_000;
/** How far back every thirtieth list goes: while D1 stalls, events go through the queue and are recorded minutes later. */
const FAR_MS = 15 * 60_000;
const FAR_EVERY = 30;
const ROUND_MS = 1_000;

/** Events that one round reads one by one: those that are due for an early report, and those that the list does not reach. */
const READ_A_ROUND = 20;
const EARLY_A_ROUND = 5;
const DETAILS_AT_ONCE = 5;

/** Most events end within so many rounds. Later than that, some destination has failed. */
const EARLY_REPORT_ROUNDS = 5;

interface Following {
  readonly type: string | undefined;
  readonly organization: string | undefined;
  /** Unix milliseconds; undefined: only events that are received from now on. */
  readonly sinceMs: number | undefined;
  readonly onEvent: (event: Event) => void;
  /** After some seconds the event is still pending, and a destination has answered. */
  readonly onAnswers: (event: EventDetail) => void;
  readonly onOutcome: (event: EventDetail) => void;
  readonly note: (text: string) => void;
  readonly wait: World["wait"];
}

/**
 * Reports each event once when it is received, and once when it has ended; in between the answers of its destinations, if
 * that takes long. Never ends, also while the relay restarts.
 */
export function follow(relay: RelayClient, following: Following): Promise<never> {
  return new Follower(relay, following).follow();
}

class Follower {
  readonly #relay: RelayClient;
  readonly #following: Following;
  readonly #seen = new SeenEvents();
  /** Events that have ended and whose outcome has not been reported. */
  readonly #ended: Event[] = [];

  constructor(relay: RelayClient, following: Following) {
    this.#relay = relay;
    this.#following = following;
  }

  async follow(): Promise<never> {
    const { sinceMs, onEvent, note, wait } = this.#following;
    const seen = this.#seen;
    const startMs = Math.max(0, sinceMs ?? (await this.#findStart()));
    const { fresh: past } = seen.add(await this.#list(startMs), sinceMs === undefined ? NEVER : EARLY_REPORT_ROUNDS);
    if (sinceMs !== undefined) past.forEach(onEvent);
    note("Events are shown as they arrive.");

    let isAway = false;
    for (let round = 1; ; round += 1) {
      await wait(ROUND_MS);
      const overlapMs = round % FAR_EVERY === 0 || isAway ? FAR_MS : NEAR_MS;
      try {
        const listed = await this.#list(Math.max(startMs, seen.newestMs - overlapMs));
        const { fresh, ended } = seen.add(listed, round + EARLY_REPORT_ROUNDS);
        if (isAway) note("The relay answers again.");
        isAway = false;
        fresh.forEach(onEvent);
        this.#ended.push(...ended);
        await this.#readPending(listed, round);
        await this.#reportOutcomes();
        seen.dropBefore(seen.newestMs - 2 * FAR_MS);
      } catch (error) {
        if (!isTransient(error)) throw error;
        if (!isAway) note(`${error.message} Trying again until it answers.`);
        isAway = true;
      }
    }
  }

  /** As far back as something can still be recorded; 0 while there are no events. The relay's clock says what is new. */
  async #findStart(): Promise<number> {
    const [newest] = await Array.fromAsync(this.#relay.list(EVENTS_PATH, event, { limit: 1 }));
    return newest === undefined ? 0 : Date.parse(newest.received_at) - FAR_MS;
  }

  #list(sinceMs: number): Promise<Event[]> {
    const { type, organization } = this.#following;
    const query = { type, organization_id: organization, since: new Date(sinceMs).toISOString() };
    return Array.fromAsync(this.#relay.list(EVENTS_PATH, event, query));
  }

  /** Reads pending events one by one: those that are due for an early report, and those that the list did not reach. */
  async #readPending(listed: readonly Event[], round: number): Promise<void> {
    const { pending } = this.#seen;
    const due = pending
      .filter(({ answersDueAt }) => answersDueAt <= round)
      .toSorted((one, other) => one.answersDueAt - other.answersDueAt || one.receivedAtMs - other.receivedAtMs);
    const reached = new Set(listed.map(({ id }) => id));
    const toRead = new Set([...due.slice(0, EARLY_A_ROUND), ...pending.filter(({ id }) => !reached.has(id))]);
    for (const one of [...toRead].slice(0, READ_A_ROUND)) {
      const detail = await this.#find(one.id);
      if (detail === null) {
        // The relay has deleted it.
        one.state = "deleted";
        continue;
      }
      this.#ended.push(...this.#seen.add([detail], NEVER).ended);
      if (detail.state !== PENDING || !due.includes(one)) continue;
      const isAnswered = detail.deliveries.some(({ attempts }) => attempts.length > 0);
      if (isAnswered) this.#following.onAnswers(detail);
      one.answersDueAt = isAnswered ? NEVER : round + EARLY_REPORT_ROUNDS;
    }
  }

  /** An event stays in `#ended` until it has been read: none is lost if the relay goes away. */
  async #reportOutcomes(): Promise<void> {
    while (this.#ended.length > 0) {
      const details = await Promise.all(this.#ended.slice(0, DETAILS_AT_ONCE).map(({ id }) => this.#find(id)));
      this.#ended.splice(0, DETAILS_AT_ONCE);
      for (const detail of details) if (detail !== null) this.#following.onOutcome(detail);
    }
  }

  async #find(id: string): Promise<EventDetail | null> {
    try {
      return await this.#relay.get(eventPath(id), eventDetail);
    } catch (error) {
      if (error instanceof RelayRefusal && error.code === "not_found") return null;
      throw error;
    }
  }
}

function isTransient(error: unknown): error is RelayUnreachable | RelayRefusal {
  if (error instanceof RelayRefusal) return error.status >= 500 || error.status === 429;
  return error instanceof RelayUnreachable;
}

const PENDING = "pending";
/** In no round. */
const NEVER = Infinity;

interface Seen {
  readonly id: string;
  readonly receivedAtMs: number;
  state: string;
  /** The round in which the answers so far are reported if the event is still pending. */
  answersDueAt: number;
}

/**
 * The events that were seen, and their states. The relay lists events by receipt, but can record one later than others
 * that it received after it.
 */
class SeenEvents {
  readonly #seen = new Map<string, Seen>();
  /** Receipt of the newest one, Unix milliseconds; 0 while there is none. */
  newestMs = 0;

  /** The one that was read longest ago first. */
  get pending(): Seen[] {
    return [...this.#seen.values()].filter(({ state }) => state === PENDING);
  }

  /** Adds events in any order. Answers those that are new, oldest first, and those that are no longer pending. */
  add(events: readonly Event[], answersDueAt: number): { fresh: Event[]; ended: Event[] } {
    const oldestFirst = events.toSorted((one, other) => Date.parse(one.received_at) - Date.parse(other.received_at));
    const fresh: Event[] = [];
    const ended: Event[] = [];
    for (const one of oldestFirst) {
      const { id, state } = one;
      const known = this.#seen.get(id);
      if (known === undefined) fresh.push(one);
      const seen = known ?? { id, receivedAtMs: Date.parse(one.received_at), state: PENDING, answersDueAt };
      if (state !== PENDING && seen.state === PENDING) ended.push(one);
      seen.state = state;
      // A replay makes it pending again: its answers are not reported early a second time.
      if (state !== PENDING) seen.answersDueAt = NEVER;
      // Deleted first, the entry moves to the end of the map.
      this.#seen.delete(id);
      this.#seen.set(id, seen);
      this.newestMs = Math.max(this.newestMs, seen.receivedAtMs);
    }
    return { fresh, ended };
  }

  /** Drops events that no list will show again and that are not pending. */
  dropBefore(receivedAtMs: number): void {
    for (const one of this.#seen.values()) {
      if (one.receivedAtMs < receivedAtMs && one.state !== PENDING) this.#seen.delete(one.id);
    }
  }
}
