import { type Database, retried } from "../store/database.ts";
import type { Destination } from "../domain/destination.ts";
import type { RelayEvent } from "../domain/event.ts";
import { firstLease } from "../domain/lease.ts";
import { type EventMessage, type RecordedEventMessage, aboutOf } from "../messages.ts";
import { logFailure } from "../platform/log.ts";
import { type Envelope, parseBody, readEnvelope } from "../qonto/envelope.ts";
import { toEvent } from "../qonto/read-event.ts";
import { enabledDestinations, readDestinationRow } from "../store/destinations.ts";
import { loadEvents, readLoadedRow } from "../store/events.ts";
import { findHeld, readHeldRow } from "../store/leases.ts";
import { type ReadEvent, projectState } from "./project-state.ts";
import { type MessageVerdict, SHORTLY } from "./verdict.ts";

/** A message of the events queue. */
export interface Arrival {
  readonly content: EventMessage | RecordedEventMessage;
  /** Otherwise the consumer that had it before may still be at work. */
  readonly isFirstTry: boolean;
}

/** An event to handle. */
export interface LoadedEvent extends ReadEvent {
  /** That with which it was recorded, if this may be its own message; null otherwise. */
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

/**
 * The batch's events, each once, and the destinations of this moment: one D1 call. It also brings the state up to the events
 * that may be held by their lease, for these are finished without another transaction before their deliveries'.
 */
export async function loadBatch(arrivals: readonly Arrival[], db: Database): Promise<Batch> {
  const recordedIds = arrivals.flatMap(({ content }) => (content.kind === "recorded_event" ? [content.id] : []));
  const carried = arrivals.flatMap(({ content, isFirstTry }) =>
    content.kind === "event" ? { id: content.id, read: readCarried(content, isFirstTry) } : [],
  );
  const mayBeHeld = carried.flatMap(({ read }) => (read?.lease ? { ...read, lease: read.lease } : []));
  const [destinationRows, eventRows, , heldRows] = await retried(db, () =>
    db.batch([
      enabledDestinations(db),
      loadEvents(db, recordedIds),
      ...findHeld(
        db,
        mayBeHeld.map(({ event, lease }) => ({ id: event.id, until: lease.until })),
      ),
      ...projectState(db, mayBeHeld),
    ]),
  );
  const recorded = (eventRows?.results ?? []).map(readLoadedRow);
  const held = new Map((heldRows?.results ?? []).map(readHeldRow).map((row) => [row.id, row]));

  // An id that D1 does not know is in neither: retention has deleted it, and nothing is left to do about it.
  const verdicts = new Map<string, MessageVerdict>();
  const events = new Map<string, LoadedEvent>();
  for (const { id, read } of [
    ...recorded.map(({ id, event }) => ({ id, read: event && readRecorded(event) })),
    ...carried,
  ]) {
    if (read === null) verdicts.set(id, SHORTLY);
    else events.set(id, read);
  }
  for (const { event, envelope, lease } of mayBeHeld) {
    const found = held.get(event.id);
    if (found?.until === lease.until) {
      // The row's time of receipt counts: it is that of its recording.
      const received = { ...event, receivedAt: found.received_at };
      events.set(event.id, { event: received, envelope, lease: { until: lease.until, recipients: found.recipients } });
    }
  }
  return {
    events: [...events.values()],
    verdicts,
    destinations: (destinationRows?.results ?? []).map(readDestinationRow),
  };
}

function readRecorded(event: RelayEvent): LoadedEvent | null {
  if (event.isUnreadable) return { event, envelope: null, lease: null };
  const envelope = readAgain(event);
  return envelope && { event, envelope, lease: null };
}

function readCarried(message: EventMessage, isFirstTry: boolean): LoadedEvent | null {
  const envelope = readAgain(message);
  const lease = isFirstTry ? { until: firstLease(message.received_at), recipients: null } : null;
  return envelope && { event: toEvent(envelope, message.body, aboutOf(message)), envelope, lease };
}

/** Its receiver could read it. Should this version not, the event waits for one that can, and holds up no other. */
function readAgain({ id, source, body }: Pick<RelayEvent, "id" | "source" | "body">): Envelope | null {
  const envelope = readEnvelope(source, parseBody(body));
  if (envelope === null) {
    logFailure("fan-out", new Error("An event that was readable when it was received is not now"), { event_id: id });
  }
  return envelope;
}
