import { writeAll } from "../store/batch.ts";
import type { Database } from "../store/database.ts";
import type { Destination } from "../domain/destination.ts";
import type { RelayEvent } from "../domain/event.ts";
import { type ShownVersion, showVersion } from "../domain/version.ts";
import { type InlineEvent, metadataOf } from "../messages.ts";
import { logFailure } from "../platform/log.ts";
import { type Envelope, parseBody, readEnvelope } from "../qonto/envelope.ts";
import { readVersion } from "../qonto/version.ts";
import { toEvent } from "../qonto/read-event.ts";
import { enabledDestinations, readDestinationRow } from "../store/destinations.ts";
import { loadEvents, readLoadedRow } from "../store/events.ts";
import { type LeasedRow, markUnmatchedAndFindLeased, readLeasedRow } from "../store/leases.ts";
import { latestVersions, readLatestVersion } from "../store/versions.ts";
import type { BatchEvent } from "./batch-events.ts";
import { type ParsedEvent, updateLatestState } from "./update-latest-state.ts";
import { type MessageVerdict, RETRY_SOON } from "./verdict.ts";

/** An event to dispatch. */
export interface LoadedEvent extends ParsedEvent {
  readonly lease: FirstLease;
  /** The version of a resource that it shows; null: it is about none. */
  readonly shown: ShownVersion | null;
}

/**
 * The lease with which an event was recorded, as far as it is known. `none`: no message in its first try names one.
 * `unconfirmed`: one does, but D1 lacks the event, or the event has no recipients, another lease or a recorded delivery by now.
 * `confirmed`: the event has it, so nobody else dispatches the event before its end.
 */
type FirstLease =
  | { readonly state: "none" }
  | { readonly state: "unconfirmed"; readonly leaseUntil: number }
  | { readonly state: "confirmed"; readonly leaseUntil: number; readonly recipients: readonly string[] };

export interface LoadedChunk {
  readonly events: readonly LoadedEvent[];
  /** On the messages of events that cannot be loaded or parsed now, by event id. */
  readonly verdicts: ReadonlyMap<string, MessageVerdict>;
  readonly destinations: readonly Destination[];
}

/**
 * Loads a chunk's events and the enabled destinations. In the same transaction it updates the latest state from each event
 * whose message names a lease, confirmed or not: repetition does not matter there. A second call follows if the body of such
 * an event came from D1.
 */
export async function loadAndUpdateState(chunk: readonly BatchEvent[], db: Database): Promise<LoadedChunk> {
  const parsedInline = chunk.flatMap(({ id, leases, inline }) => (inline && parseInline(id, inline, leases)) ?? []);
  const withoutBody = new Map(chunk.flatMap(({ id, leases, inline }) => (inline === null ? [[id, leases]] : [])));
  const first = await writeAll(db, {
    destinations: enabledDestinations(db),
    events: loadEvents(db, [...withoutBody.keys()]),
    ...confirmLeases(db, parsedInline),
    latestVersions: latestVersions(
      db,
      parsedInline.map(({ event }) => event),
    ),
  });
  const rows = first.events.rows.map(readLoadedRow);
  const parsedRows = rows.flatMap(({ id, event }) => (event && parseLoaded(event, withoutBody.get(id) ?? [])) ?? []);
  const second = parsedRows.some(namesLease) ? await writeAll(db, confirmLeases(db, parsedRows)) : null;

  const parsed = [...parsedRows, ...parsedInline];
  const known = [...rows, ...first.latestVersions.rows.map(readLatestVersion)];
  const shown = showVersions(parsed, new Map(known.map(({ id, latestVersion }) => [id, latestVersion])));
  const leasedRows = [...first.leased.rows, ...(second?.leased.rows ?? [])].map(readLeasedRow);
  const leasedById = new Map(leasedRows.map((row) => [row.id, row]));
  const parsedIds = new Set(parsed.map(({ event }) => event.id));
  const ids = [...rows, ...chunk.filter(({ inline }) => inline !== null)].map(({ id }) => id);
  return {
    events: parsed.map((one) => ({
      ...toLoadedEvent(one, leasedById.get(one.event.id)),
      shown: shown.get(one.event.id) ?? null,
    })),
    verdicts: new Map(ids.filter((id) => !parsedIds.has(id)).map((id) => [id, RETRY_SOON])),
    destinations: first.destinations.rows.map(readDestinationRow),
  };
}

/**
 * The versions that events of a chunk show, by their ids, compared with those that D1 knows and with those of the chunk: some of
 * its events are kept in the state only when they are claimed.
 */
function showVersions(
  parsed: readonly ParsedEvent[],
  latest: ReadonlyMap<string, string | null>,
): Map<string, ShownVersion | null> {
  const versions = parsed.map(({ event, envelope }) => ({
    event,
    version: envelope && readVersion(event.source, envelope),
    // Of a registration each stage has a type of its own.
    resource: JSON.stringify([
      event.source,
      event.organizationId,
      event.source === "business" ? event.type : null,
      event.resourceId,
    ]),
  }));
  const ofResource = Map.groupBy(versions, ({ resource }) => resource);
  return new Map(
    versions.map(({ event, version, resource }) => {
      const ofChunk = ofResource.get(resource)?.map((one) => one.version) ?? [];
      return [event.id, showVersion(version, [latest.get(event.id), ...ofChunk])];
    }),
  );
}

function namesLease({ leases }: ParsedEvent): boolean {
  return leases.length > 0;
}

function toLoadedEvent(parsed: ParsedEvent, row: LeasedRow | undefined): Omit<LoadedEvent, "shown"> {
  if (row !== undefined) {
    const { receivedAt, leaseUntil, recipients } = row;
    // The time of receipt is that of the row, not of the message.
    return { ...parsed, event: { ...parsed.event, receivedAt }, lease: { state: "confirmed", leaseUntil, recipients } };
  }
  if (!namesLease(parsed)) return { ...parsed, lease: { state: "none" } };
  // A claim can name one lease only. The latest, because a wrong guess waits for the end of the right one.
  return { ...parsed, lease: { state: "unconfirmed", leaseUntil: Math.max(...parsed.leases) } };
}

/** In one transaction, because nothing else is written for a leased event before its deliveries. */
function confirmLeases(db: Database, events: readonly ParsedEvent[]) {
  const named = events.filter(namesLease);
  const leases = named.flatMap(({ event, leases: ends }) => ends.map((leaseUntil) => ({ id: event.id, leaseUntil })));
  return { leased: markUnmatchedAndFindLeased(db, leases), state: updateLatestState(db, named) };
}

function parseLoaded(event: RelayEvent, leases: readonly number[]): ParsedEvent | null {
  if (event.isUnreadable) return { event, leases, envelope: null, inlineBody: null };
  const envelope = parseAgain(event);
  return envelope && { event, leases, envelope, inlineBody: null };
}

function parseInline(id: string, inline: InlineEvent, leases: readonly number[]): ParsedEvent | null {
  const { body } = inline;
  const envelope = parseAgain({ id, ...inline });
  return envelope && { event: toEvent(envelope, body, metadataOf(inline)), leases, envelope, inlineBody: body };
}

/** Its receiver could parse it. If this version cannot, the event waits for a version that can. */
function parseAgain({ id, source, body }: Pick<RelayEvent, "id" | "source" | "body">): Envelope | null {
  const envelope = readEnvelope(source, parseBody(body));
  if (envelope === null) {
    logFailure("fan_out", new Error("The event was readable when it was received, and is not now"), {
      message: "event.read_failed",
      event_id: id,
    });
  }
  return envelope;
}
