import { RelayRefusal, type RelayClient, RelayUnreachable } from "../../relay-client.ts";
import type { World } from "../../world.ts";
import { EVENTS_PATH, type Event, type EventDetail, event, eventDetail, eventPath } from "../events.ts";
import { EarlyReports, PENDING, SeenEvents } from "./seen-events.ts";

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

export interface Following {
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

interface State {
  readonly seen: SeenEvents;
  readonly early: EarlyReports;
  /** Events that have ended and whose outcome has not been reported. */
  readonly ended: Event[];
}

/**
 * Reports each event once when it is received, and once when it has ended; in between the answers of its destinations, if
 * that takes long. Never ends, also while the relay restarts.
 */
export async function follow(relay: RelayClient, following: Following): Promise<never> {
  const { note, wait } = following;
  const { seen, early, ended }: State = { seen: new SeenEvents(), early: new EarlyReports(), ended: [] };
  const report = (fresh: readonly Event[], round: number) => {
    for (const one of fresh) {
      following.onEvent(one);
      early.schedule(one.id, round);
    }
  };

  const startMs = await findStart(relay, following);
  const list = (fromMs: number | null) => listSince(relay, following, latest(fromMs, startMs));
  const { fresh: past } = seen.add(await list(null));
  if (following.sinceMs !== undefined) report(past, 0);
  note("Events are shown as they arrive.");

  let isAway = false;
  for (let round = 1; ; round += 1) {
    await wait(ROUND_MS);
    const overlapMs = round % FAR_EVERY === 0 || isAway ? FAR_MS : NEAR_MS;
    try {
      const listed = await list(seen.newestMs === null ? null : seen.newestMs - overlapMs);
      const added = seen.add(listed);
      if (isAway) note("The relay answers again.");
      isAway = false;
      report(added.fresh, round);
      ended.push(...added.ended);
      await readPending(relay, following, { seen, early, ended }, { listed, round });
      await reportOutcomes(relay, ended, following.onOutcome);
      if (seen.newestMs !== null) seen.dropBefore(seen.newestMs - 2 * FAR_MS);
    } catch (error) {
      if (!isTransient(error)) throw error;
      if (!isAway) note(`${error.message} Trying until it does.`);
      isAway = true;
    }
  }
}

/** Where lists begin at the earliest: `--since`, or as far back as something can still be recorded. Null without events. */
async function findStart(relay: RelayClient, { sinceMs }: Following): Promise<number | null> {
  if (sinceMs !== undefined) return sinceMs;
  // The relay's clock, not this machine's, says what is new.
  const [newest] = await Array.fromAsync(relay.list(EVENTS_PATH, event, { limit: 1 }));
  return newest === undefined ? null : Date.parse(newest.received_at) - FAR_MS;
}

function latest(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.max(one, other);
}

function listSince(relay: RelayClient, { type, organization }: Following, sinceMs: number | null): Promise<Event[]> {
  const since = sinceMs === null ? undefined : new Date(Math.max(sinceMs, 0)).toISOString();
  return Array.fromAsync(relay.list(EVENTS_PATH, event, { type, organization_id: organization, since }));
}

/** Reads pending events one by one: those that are due for an early report, and those that the list did not reach. */
async function readPending(
  relay: RelayClient,
  { onAnswers }: Following,
  { seen, early, ended }: State,
  { listed, round }: { readonly listed: readonly Event[]; readonly round: number },
): Promise<void> {
  const { pending } = seen;
  const due = early.due(pending, round);
  const reached = new Set(listed.map(({ id }) => id));
  const toRead = new Set([...due.slice(0, EARLY_A_ROUND), ...pending.filter((id) => !reached.has(id))]);
  for (const id of [...toRead].slice(0, READ_A_ROUND)) {
    const detail = await find(relay, id);
    if (detail === null) {
      seen.markDeleted(id);
      continue;
    }
    ended.push(...seen.add([detail]).ended);
    if (detail.state !== PENDING || !due.includes(id)) continue;
    if (detail.deliveries.some(({ attempts }) => attempts.length > 0)) {
      early.done(id);
      onAnswers(detail);
    } else early.schedule(id, round);
  }
}

/** Removes events from `ended` only when they have been read: none is lost if the relay goes away. */
async function reportOutcomes(relay: RelayClient, ended: Event[], report: (event: EventDetail) => void): Promise<void> {
  while (ended.length > 0) {
    const details = await Promise.all(ended.slice(0, DETAILS_AT_ONCE).map(({ id }) => find(relay, id)));
    ended.splice(0, DETAILS_AT_ONCE);
    for (const detail of details) if (detail !== null) report(detail);
  }
}

async function find(relay: RelayClient, id: string): Promise<EventDetail | null> {
  try {
    return await relay.get(eventPath(id), eventDetail);
  } catch (error) {
    if (error instanceof RelayRefusal && error.code === "not_found") return null;
    throw error;
  }
}

function isTransient(error: unknown): error is RelayUnreachable | RelayRefusal {
  if (error instanceof RelayRefusal) return error.status >= 500 || error.status === 429;
  return error instanceof RelayUnreachable;
}
