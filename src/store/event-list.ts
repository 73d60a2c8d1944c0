import { z } from "zod";
import type { Database } from "./database.ts";
import type { EventState, RelayEvent } from "../domain/event.ts";
import { eventRow, toEventFields } from "./event-row.ts";
import { firstSeqAtSql } from "./event-order.ts";
import { eventStateSql, onFirstWaySql } from "./event-progress.ts";

/** An event without its body, and how far it has come. */
export interface EventSummary extends Omit<RelayEvent, "contentType" | "contentEncoding" | "body"> {
  readonly state: EventState;
}

/** Where a page ended: at its last event, or the last one looked at. */
export interface EventPosition {
  /** Its place in the order of recording. */
  readonly seq: number;
  readonly receivedAt: number;
}

export interface EventQuery {
  readonly type: string | undefined;
  readonly organizationId: string | undefined;
  /** Unix milliseconds, inclusive. */
  readonly since: number | undefined;
  /** Unix milliseconds, exclusive. */
  readonly until: number | undefined;
  readonly before: EventPosition | undefined;
  readonly limit: number;
}

/**
 * Events that one page looks at. A row written costs a thousand times a row read, so a filter walks the newest events
 * instead of having an index of its own; this bounds the walk.
 */
export const MAX_LOOKED_AT = 10_000;

const endSql = `min(${firstSeqAtSql("?2")}, ?3)`;

/** On a row of `events`: received from ?1, before ?2 and recorded before the position ?3; no more than the newest `size`. */
export const windowSql = (size: number) => `
  events.seq < ${endSql} AND events.seq >= max(${firstSeqAtSql("?1")}, ${endSql} - ${size})`;

/** The last event of such a window if there are others behind it; none of their rows may be in the window, after a deletion. */
export const edgeOfWindowSql = (size: number) => {
  const behind = `FROM events WHERE seq < ${endSql} - ${size} AND seq >= ${firstSeqAtSql("?1")}`;
  return `
  SELECT * FROM (
    SELECT seq, received_at FROM events WHERE seq >= ${endSql} - ${size} AND seq < ${endSql} ORDER BY seq LIMIT 1)
  WHERE EXISTS (SELECT 1 ${behind})
  UNION ALL SELECT max(seq) + 1, received_at ${behind} LIMIT 1`;
};

/** Their parameters. */
export function windowOf(query: Partial<Pick<EventQuery, "since" | "until" | "before">>): [number, number, number] {
  const { since = 0, until = Number.MAX_SAFE_INTEGER, before } = query;
  return [since, until, before?.seq ?? Number.MAX_SAFE_INTEGER];
}

export const summaryColumns =
  "events.id, source, type, event, organization_id, resource_id, created_at, received_at, is_unreadable";

export const listEventsSql = `
  SELECT seq, ${summaryColumns}, ${eventStateSql} AS state FROM events
  WHERE ${windowSql(MAX_LOOKED_AT)} AND (?4 IS NULL OR type = ?4) AND (?5 IS NULL OR organization_id = ?5)
  ORDER BY seq DESC LIMIT ?6`;

export const edgeOfListSql = edgeOfWindowSql(MAX_LOOKED_AT);

const summaryRow = eventRow
  .extend({ state: z.enum(["pending", "settled", "unmatched"]) })
  .transform(({ state, ...row }): EventSummary => ({ ...toEventFields(row), state }));

const positionRow = z.object({ seq: z.number().nullable(), received_at: z.number().nullable() });

/** The position of a row; null without one. */
export function readPosition(row: unknown): EventPosition | null {
  const { seq = null, received_at: receivedAt = null } = row === undefined ? {} : positionRow.parse(row);
  return seq === null || receivedAt === null ? null : { seq, receivedAt };
}

/**
 * Newest first. A page can hold fewer events than `limit`, or none, and still have a `next`: then the walk found that
 * few among those it may look at.
 */
export async function listEvents(
  db: Database,
  query: EventQuery,
): Promise<{ events: EventSummary[]; next: EventPosition | null }> {
  const { limit } = query;
  const window = windowOf(query);
  const [page, edge] = await db.batch([
    db.prepare(listEventsSql).bind(...window, query.type ?? null, query.organizationId ?? null, limit + 1),
    db.prepare(edgeOfListSql).bind(...window),
  ]);
  const rows = page?.results ?? [];
  const events = rows.slice(0, limit).map((row) => summaryRow.parse(row));
  return { events, next: readPosition(rows.length > limit ? rows[limit - 1] : edge?.results[0]) };
}

export const findEventSql = `
  SELECT ${summaryColumns}, content_type, content_encoding, body, ${eventStateSql} AS state, ${onFirstWaySql} AS on_first_way
  FROM events WHERE events.id = ?1`;

const detailRow = z.object({
  content_type: z.string().nullable(),
  content_encoding: z.string().nullable(),
  body: z.string(),
  on_first_way: z.number(),
});

/** A statement that finds one event; its row is for `readEventDetail`. */
export function findEvent(db: Database, id: string): D1PreparedStatement {
  return db.prepare(findEventSql).bind(id);
}

/** `isOnFirstWay`: it is still on its way to all that want it. */
export function readEventDetail(row: unknown): EventSummary & RelayEvent & { readonly isOnFirstWay: boolean } {
  const { content_type, content_encoding, body, on_first_way } = detailRow.parse(row);
  const headers = { contentType: content_type, contentEncoding: content_encoding };
  return { ...summaryRow.parse(row), ...headers, body, isOnFirstWay: on_first_way === 1 };
}
