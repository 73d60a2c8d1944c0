import { batchOf } from "../store/batch.ts";
import { type Database, retried } from "../store/database.ts";
import type { Destination } from "../domain/destination.ts";
import type { RelayEvent } from "../domain/event.ts";
import { type InlineEvent, metadataOf } from "../messages.ts";
import { logFailure } from "../platform/log.ts";
import { type Envelope, parseBody, readEnvelope } from "../qonto/envelope.ts";
import { toEvent } from "../qonto/read-event.ts";
import { enabledDestinations, readDestinationRow } from "../store/destinations.ts";
import { loadEvents, readLoadedRow } from "../store/events.ts";
import { settleAndFindLeased, readLeasedRow } from "../store/leases.ts";
import type { BatchEvent } from "./batch-events.ts";
import { type ReadEvent, updateLatestState } from "./update-latest-state.ts";
import { type MessageVerdict, RETRY_SOON } from "./verdict.ts";

/** An event to handle. */
export interface LoadedEvent extends ReadEvent {
  /** The lease with which it was recorded, if one of its messages may hold that. */
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

/** An event of the batch with its body; `read` is null when the event cannot be handled now. */
interface Found extends Pick<BatchEvent, "id" | "leases"> {
  readonly read: ReadEvent | null;
}

/**
 * Loads the batch's events and the enabled destinations. In the same transaction it updates the latest state from events
 * whose lease is held. A second call follows if a leased event's body came from D1.
 */
export async function openBatch(batchEvents: readonly BatchEvent[], db: Database): Promise<Batch> {
  const inline = batchEvents.flatMap(({ id, leases, inline: its }): Found[] =>
    its === null ? [] : [{ id, leases, read: readInline(id, its) }],
  );
  const leasesById = new Map(
    batchEvents.flatMap(({ id, leases, inline: its }) => (its === null ? [[id, leases]] : [])),
  );
  const first = await retried(db, () =>
    batchOf(db, {
      destinations: enabledDestinations(db),
      events: loadEvents(db, [...leasesById.keys()]),
      ...settleLeased(db, inline),
    }),
  );
  // An id that D1 does not know is not among them: retention has deleted the event.
  const loaded = first.events.rows
    .map(readLoadedRow)
    .map(({ id, event }): Found => ({ id, leases: leasesById.get(id) ?? [], read: event && readRecorded(event) }));
  const second = loaded.some(mayBeLeased) ? await retried(db, () => batchOf(db, settleLeased(db, loaded))) : null;

  const leasedRows = [...first.leased.rows, ...(second?.leased.rows ?? [])].map(readLeasedRow);
  const leased = new Map(leasedRows.map((row) => [row.id, row]));
  const verdicts = new Map<string, MessageVerdict>();
  const events: LoadedEvent[] = [];
  for (const { id, leases, read } of [...loaded, ...inline]) {
    const row = leased.get(id);
    if (read === null) verdicts.set(id, RETRY_SOON);
    else if (row === undefined) events.push({ ...read, lease: notHeld(leases) });
    // The time of receipt is that of the row.
    else events.push({ ...read, event: { ...read.event, receivedAt: row.received_at }, lease: row });
  }
  return { events, verdicts, destinations: first.destinations.rows.map(readDestinationRow) };
}

function mayBeLeased({ leases, read }: Found): boolean {
  return read !== null && leases.length > 0;
}

function notHeld(leases: readonly number[]): LoadedEvent["lease"] {
  return leases.length === 0 ? null : { until: Math.max(...leases), recipients: null };
}

/** In one transaction, because nothing else is written for a leased event before its deliveries. */
function settleLeased(db: Database, found: readonly Found[]) {
  const mayBe = found.filter(mayBeLeased);
  const leases = mayBe.flatMap(({ id, leases: its }) => its.map((until) => ({ id, until })));
  return {
    leased: settleAndFindLeased(db, leases),
    state: updateLatestState(
      db,
      mayBe.flatMap(({ read }) => read ?? []),
    ),
  };
}

function readRecorded(event: RelayEvent): ReadEvent | null {
  if (event.isUnreadable) return { event, envelope: null, inlineBody: null };
  const envelope = readAgain(event);
  return envelope && { event, envelope, inlineBody: null };
}

function readInline(id: string, inline: InlineEvent): ReadEvent | null {
  const envelope = readAgain({ id, ...inline });
  return envelope && { event: toEvent(envelope, inline.body, metadataOf(inline)), envelope, inlineBody: inline.body };
}

/** Its receiver could read it. If this version cannot, the event waits for a version that can. */
function readAgain({ id, source, body }: Pick<RelayEvent, "id" | "source" | "body">): Envelope | null {
  const envelope = readEnvelope(source, parseBody(body));
  if (envelope === null) {
    logFailure("fan_out", new Error("The event was readable when it was received, and is not now"), {
      message: "event.read_failed",
      event_id: id,
    });
  }
  return envelope;
}
