import { z } from "zod";
import type { Database } from "./database.ts";
import type { RelayEvent } from "../domain/event.ts";
import { pageOf } from "../platform/page.ts";
import { type EventPosition, MAX_LOOKED_AT, edgeOfListSql, readPosition, windowOf, windowSql } from "./event-order.ts";
import { eventStateSql, eventStates, isAwaitingFirstFanOutSql, isUndispatchedSql } from "./event-progress.ts";
import { eventFields, eventRow } from "./events.ts";
import { matchesPatternSql } from "./matches.ts";
import { flag, reader, rowsOf } from "./rows.ts";

const summaryRow = eventRow.extend({ state: z.enum(eventStates) });

/** An event without its body, and how far it has come. */
export type EventSummary = z.output<typeof summaryRow>;

export interface EventQuery {
  /** Exact, or a prefix that ends in `*`. */
  readonly type?: string | undefined;
  readonly organizationId?: string | undefined;
  /** Unix milliseconds, inclusive. */
  readonly since?: number | undefined;
  /** Unix milliseconds, exclusive. */
  readonly until?: number | undefined;
  readonly before?: EventPosition | undefined;
  readonly limit: number;
}

export const listEventsSql = `
  SELECT seq, ${eventFields}, ${eventStateSql} AS state FROM events
  WHERE ${windowSql(MAX_LOOKED_AT)} AND (?4 IS NULL OR ${matchesPatternSql("type", "?4")}) AND (?5 IS NULL OR organization_id = ?5)
  ORDER BY seq DESC LIMIT ?6`;

/** Newest first. */
export async function listEvents(
  db: Database,
  query: EventQuery,
): Promise<{ events: EventSummary[]; next: EventPosition | null }> {
  const { type, organizationId, limit } = query;
  const window = windowOf(query);
  const [found, edge] = await db.batch([
    db.prepare(listEventsSql).bind(...window, type ?? null, organizationId ?? null, limit + 1),
    db.prepare(edgeOfListSql).bind(...window),
  ]);
  const { rows, next } = pageOf<unknown>(found?.results ?? [], limit, edge?.results[0]);
  return { events: z.array(summaryRow).parse(rows), next: readPosition(next) };
}

export const findEventSql = `
  SELECT ${eventFields}, body, ${eventStateSql} AS state, ${isAwaitingFirstFanOutSql} AS isAwaitingFirstFanOut
  FROM events WHERE events.id = ?1`;

/** A statement that finds one event; its row is for `readEventDetail`. */
export function findEvent(db: Database, id: string): D1PreparedStatement {
  return db.prepare(findEventSql).bind(id);
}

const detailRow = summaryRow.extend({
  body: z.string(),
  /** It is not dispatched, and no consumer has claimed it. */
  isAwaitingFirstFanOut: flag,
});

export const readEventDetail = (row: unknown): z.output<typeof detailRow> & RelayEvent => detailRow.parse(row);

export const journeySql = `
  SELECT queued_at AS queuedAt, lease_until AS leaseUntil, claims, duplicates, conflicts,
    ${isUndispatchedSql} AS isUndispatched, ${isAwaitingFirstFanOutSql} AS isAwaitingFirstFanOut, octet_length(body) AS sizeBytes,
    (SELECT id FROM events AS latest WHERE latest.seq = resources.event_seq) AS latestEventId
  FROM events LEFT JOIN resources ON resources.organization_id = events.organization_id
    AND resources.type = events.type AND resources.resource_id = coalesce(events.resource_id, '')
  WHERE events.id = ?1`;

/** A statement; its row is for `readJourney`. */
export function findJourney(db: Database, eventId: string): D1PreparedStatement {
  return db.prepare(journeySql).bind(eventId);
}

/** What the relay has noted of how it handled an event. Times are Unix milliseconds. */
export const readJourney = reader({
  /** When a queue message about it was last sent, or is about to be. */
  queuedAt: z.number(),
  /** End of the lease of the consumer that has it; null before the first. */
  leaseUntil: z.number().nullable(),
  /** Times that a consumer claimed it. */
  claims: z.number(),
  isUndispatched: flag,
  /** It is not dispatched, and no consumer has claimed it. */
  isAwaitingFirstFanOut: flag,
  duplicates: z.number(),
  /** Duplicates with another body. */
  conflicts: z.number(),
  sizeBytes: z.number(),
  /** The event that the latest state of its resource came with; null when no such state is kept. */
  latestEventId: z.string().nullable(),
});

export const eventTypesSql = "SELECT id, type FROM events WHERE id IN (SELECT value FROM json_each(?1))";

const typeRow = z.object({ id: z.string(), type: z.string() });

/** The types of some events, by their ids. */
export async function typesOfEvents(db: Database, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const rows = rowsOf(typeRow, await db.prepare(eventTypesSql).bind(JSON.stringify(ids)).all());
  return new Map(rows.map(({ id, type }) => [id, type]));
}
