import { type Database, retried } from "../store/database.ts";
import type { Destination } from "../domain/destination.ts";
import type { RelayEvent } from "../domain/event.ts";
import { type CarriedEvent, aboutOf } from "../messages.ts";
import { logFailure } from "../platform/log.ts";
import { type Envelope, parseBody, readEnvelope } from "../qonto/envelope.ts";
import { toEvent } from "../qonto/read-event.ts";
import { enabledDestinations, readDestinationRow } from "../store/destinations.ts";
import { loadEvents, readLoadedRow } from "../store/events.ts";
import { findHeld, readHeldRow } from "../store/leases.ts";
import type { Arrival } from "./arrivals.ts";
import { type ReadEvent, projectState } from "./project-state.ts";
import { type MessageVerdict, SHORTLY } from "./verdict.ts";

/** An event to handle. */
export interface LoadedEvent extends ReadEvent {
  /** That with which it was recorded, if one of its messages may hold that; null otherwise. */
  readonly lease: {
    /** Unix milliseconds. */
    readonly until: number;
    /** Destinations that get the event; null when the lease is not held, or no longer. */
    readonly recipients: readonly string[] | null;
  } | null;
}

export interface Batch {
  readonly events: readonly LoadedEvent[];
  /** On the messages of events that cannot be handled now, by event id. */
  readonly verdicts: ReadonlyMap<string, MessageVerdict>;
  readonly destinations: readonly Destination[];
}

/** `read` is null when the event cannot be handled now. */
interface Found extends Pick<Arrival, "id" | "leases"> {
  readonly read: ReadEvent | null;
}

/**
 * The batch's events and the destinations of this moment: one D1 call, and a second one if there are bodies that D1 has, of
 * events that may be held by their lease.
 */
export async function loadBatch(arrivals: readonly Arrival[], db: Database): Promise<Batch> {
  const carried = arrivals.flatMap(({ id, leases, carried: its }): Found[] =>
    its === null ? [] : [{ id, leases, read: readCarried(id, its) }],
  );
  const byId = new Map(arrivals.flatMap(({ id, leases, carried: its }) => (its === null ? [[id, leases]] : [])));
  const [destinationRows, eventRows, , heldRows] = await retried(db, () =>
    db.batch([enabledDestinations(db), loadEvents(db, [...byId.keys()]), ...findAndProject(db, carried)]),
  );
  // An id that D1 does not know is not among them: retention has deleted it, and nothing is left to do about it.
  const loaded = (eventRows?.results ?? [])
    .map(readLoadedRow)
    .map(({ id, event }): Found => ({ id, leases: byId.get(id) ?? [], read: event && readRecorded(event) }));
  const [, heldLoadedRows] = loaded.some(mayBeHeld)
    ? await retried(db, () => db.batch(findAndProject(db, loaded)))
    : [];

  const held = new Map(
    [heldRows, heldLoadedRows].flatMap((rows) => (rows?.results ?? []).map(readHeldRow)).map((row) => [row.id, row]),
  );
  const verdicts = new Map<string, MessageVerdict>();
  const events: LoadedEvent[] = [];
  for (const { id, leases, read } of [...loaded, ...carried]) {
    const row = held.get(id);
    if (read === null) verdicts.set(id, SHORTLY);
    else if (row === undefined) events.push({ ...read, lease: notHeld(leases) });
    // The row's time of receipt counts: it is that of its recording.
    else events.push({ ...read, event: { ...read.event, receivedAt: row.received_at }, lease: row });
  }
  return { events, verdicts, destinations: (destinationRows?.results ?? []).map(readDestinationRow) };
}

function mayBeHeld({ leases, read }: Found): boolean {
  return read !== null && leases.length > 0;
}

function notHeld(leases: readonly number[]): LoadedEvent["lease"] {
  return leases.length === 0 ? null : { until: Math.max(...leases), recipients: null };
}

/**
 * Finds the leases that are held, and brings the state up to the events that may be held by them, for these are finished
 * without another transaction before their deliveries'.
 */
function findAndProject(db: Database, found: readonly Found[]): D1PreparedStatement[] {
  const leased = found.filter(mayBeHeld);
  const leases = leased.flatMap(({ id, leases: its }) => its.map((until) => ({ id, until })));
  const events = leased.flatMap(({ read }) => read ?? []);
  return [...findHeld(db, leases), ...projectState(db, events)];
}

function readRecorded(event: RelayEvent): ReadEvent | null {
  if (event.isUnreadable) return { event, envelope: null, isCarried: false };
  const envelope = readAgain(event);
  return envelope && { event, envelope, isCarried: false };
}

function readCarried(id: string, carried: CarriedEvent): ReadEvent | null {
  const envelope = readAgain({ id, ...carried });
  return envelope && { event: toEvent(envelope, carried.body, aboutOf(carried)), envelope, isCarried: true };
}

/** Its receiver could read it. Should this version not, the event waits for one that can, and holds up no other. */
function readAgain({ id, source, body }: Pick<RelayEvent, "id" | "source" | "body">): Envelope | null {
  const envelope = readEnvelope(source, parseBody(body));
  if (envelope === null) {
    logFailure("fan-out", new Error("An event that was readable when it was received is not now"), { event_id: id });
  }
  return envelope;
}
