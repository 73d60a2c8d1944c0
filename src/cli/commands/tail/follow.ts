import { RelayRefusal, type RelayClient, RelayUnreachable } from "../../relay-client.ts";
import type { World } from "../../world.ts";
import { type Event, type EventDetail, PATH, event, eventDetail, pathOf } from "../events/event.ts";
import { EarlyWords } from "./early-words.ts";
import { PENDING, Sightings } from "./sightings.ts";

/** How far back each look goes: an event is mostly recorded within this time of its receipt. */
const NEAR_MS = 15_000;
/** And how far back every thirtieth: while D1 stalls, events go by the queue and are recorded minutes later. */
const FAR_MS = 15 * 60_000;
const FAR_EVERY = 30;
const EVERY_MS = 1_000;

/** Events that one round asks after by themselves: what is due to be told early, and what a look does not go back to. */
const ASKED_A_ROUND = 20;
const EARLY_A_ROUND = 5;
const DETAILS_AT_ONCE = 5;

export interface Following {
  readonly type: string | undefined;
  readonly organization: string | undefined;
  /** Unix milliseconds; undefined: only what comes from now on. */
  readonly sinceMs: number | undefined;
  readonly onEvent: (event: Event) => void;
  /** Some destination has answered, and the event has still not ended after some seconds. */
  readonly onAnswers: (event: EventDetail) => void;
  readonly onOutcome: (event: EventDetail) => void;
  readonly note: (text: string) => void;
  readonly wait: World["wait"];
}

/** Shows events as they pass, each once, what its destinations answer if it takes longer, and its end; for ever, also while the relay is started anew. */
export async function follow(relay: RelayClient, following: Following): Promise<never> {
  const { onOutcome, note, wait } = following;
  const sightings = new Sightings();
  const early = new EarlyWords();
  const owed: Event[] = [];
  const show = (fresh: readonly Event[], round: number) => {
    for (const one of fresh) {
      following.onEvent(one);
      early.expect(one.id, round);
    }
  };

  const startMs = await findStart(relay, following);
  const look = (fromMs: number | null) => listSince(relay, following, latest(fromMs, startMs));
  const { fresh } = sightings.take(await look(null));
  if (following.sinceMs !== undefined) show(fresh, 0);
  note("Events are shown as they come.");

  let isAway = false;
  for (let round = 1; ; round += 1) {
    await wait(EVERY_MS);
    const overlapMs = round % FAR_EVERY === 0 || isAway ? FAR_MS : NEAR_MS;
    try {
      const from = sightings.newestMs === null ? null : sightings.newestMs - overlapMs;
      const listed = await look(from);
      const seen = sightings.take(listed);
      if (isAway) note("The relay answers again.");
      isAway = false;
      show(seen.fresh, round);
      owed.push(...seen.ended);
      await askAfter(relay, following, { sightings, early, owed, listed, round });
      await tellOutcomes(relay, owed, onOutcome);
      if (sightings.newestMs !== null) sightings.forgetBefore(sightings.newestMs - 2 * FAR_MS);
    } catch (error) {
      if (!isPassing(error)) throw error;
      if (!isAway) note(`${error.message} Trying until it does.`);
      isAway = true;
    }
  }
}

/** No look goes back behind it: `--since`, or as far as something can still be recorded late. Null while there is no event. */
async function findStart(relay: RelayClient, { sinceMs }: Following): Promise<number | null> {
  if (sinceMs !== undefined) return sinceMs;
  // The relay's clock, not this machine's, says what is new.
  const [newest] = await Array.fromAsync(relay.list(PATH, event, { limit: 1 }));
  return newest === undefined ? null : Date.parse(newest.received_at) - FAR_MS;
}

function latest(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.max(one, other);
}

function listSince(relay: RelayClient, { type, organization }: Following, sinceMs: number | null): Promise<Event[]> {
  const since = sinceMs === null ? undefined : new Date(Math.max(sinceMs, 0)).toISOString();
  return Array.fromAsync(relay.list(PATH, event, { type, organization_id: organization, since }));
}

interface Round {
  readonly sightings: Sightings;
  readonly early: EarlyWords;
  readonly owed: Event[];
  readonly listed: readonly Event[];
  readonly round: number;
}

async function askAfter(
  relay: RelayClient,
  { onAnswers }: Following,
  { sightings, early, owed, listed, round }: Round,
): Promise<void> {
  const { pending } = sightings;
  const due = early.due(pending, round);
  const told = new Set(listed.map(({ id }) => id));
  const asked = new Set([...due.slice(0, EARLY_A_ROUND), ...pending.filter((id) => !told.has(id))]);
  for (const id of [...asked].slice(0, ASKED_A_ROUND)) {
    const detail = await find(relay, id);
    if (detail === null) {
      sightings.drop(id);
      continue;
    }
    owed.push(...sightings.take([detail]).ended);
    if (detail.state !== PENDING || !due.includes(id)) continue;
    if (detail.deliveries.some(({ attempts }) => attempts.length > 0)) {
      early.told(id);
      onAnswers(detail);
    } else early.expect(id, round);
  }
}

/** Takes them off the list one by one, so that none is lost if the relay goes away meanwhile. */
async function tellOutcomes(relay: RelayClient, owed: Event[], tell: (event: EventDetail) => void): Promise<void> {
  while (owed.length > 0) {
    const details = await Promise.all(owed.slice(0, DETAILS_AT_ONCE).map(({ id }) => find(relay, id)));
    owed.splice(0, DETAILS_AT_ONCE);
    for (const detail of details) if (detail !== null) tell(detail);
  }
}

async function find(relay: RelayClient, id: string): Promise<EventDetail | null> {
  try {
    return await relay.get(pathOf(id), eventDetail);
  } catch (error) {
    if (error instanceof RelayRefusal && error.code === "not_found") return null;
    throw error;
  }
}

function isPassing(error: unknown): error is RelayUnreachable | RelayRefusal {
  if (error instanceof RelayRefusal) return error.status >= 500 || error.status === 429;
  return error instanceof RelayUnreachable;
}
