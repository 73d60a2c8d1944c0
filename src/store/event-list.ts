import { z } from "zod";
import type { Database } from "./database.ts";
import type { EventState, RelayEvent } from "../domain/event.ts";
import { eventRow, toEventFields } from "./event-row.ts";
import { eventStateSql, onFirstWaySql } from "./event-progress.ts";

/** An event without its body, and how far it has come. */
export interface EventSummary extends Omit<RelayEvent, "contentType" | "contentEncoding" | "body"> {
  readonly state: EventState;
}

/** Where a page ended: its last event, or the last one looked at. */
export interface EventPosition {
  readonly receivedAt: number;
  readonly id: string;
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
 * Events that one page looks at. A row written costs a thousand times a row read, so a filter walks the time index
 * instead of having an index of its own; this bounds the walk.
 */
export const MAX_LOOKED_AT = 10_000;

export const windowSql = `
  SELECT received_at, id, type, organization_id FROM events
  WHERE received_at >= ?1 AND (received_at, id) < (?2, ?3)
  ORDER BY received_at DESC, id DESC`;

export const summaryColumns =
  "events.id, source, events.type, event, events.organization_id, resource_id, created_at, events.received_at, is_unreadable";

export const listEventsSql = `
  SELECT ${summaryColumns}, ${eventStateSql} AS state
  FROM (
    SELECT received_at, id FROM (${windowSql} LIMIT ${MAX_LOOKED_AT})
    WHERE (?4 IS NULL OR type = ?4) AND (?5 IS NULL OR organization_id = ?5)
    ORDER BY received_at DESC, id DESC LIMIT ?6
  ) AS page CROSS JOIN events ON events.id = page.id
  ORDER BY page.received_at DESC, page.id DESC`;

export const lastLookedAtSql = `${windowSql} LIMIT 1 OFFSET ${MAX_LOOKED_AT - 1}`;

const summaryRow = eventRow
  .extend({ state: z.enum(["pending", "settled", "unmatched"]) })
  .transform(({ state, ...row }): EventSummary => ({ ...toEventFields(row), state }));

export const positionRow = z
  .object({ received_at: z.number(), id: z.string() })
  .transform((row): EventPosition => ({ receivedAt: row.received_at, id: row.id }));

/**
 * Newest first. A page can hold fewer events than `limit`, or none, and still have a `next`: then the walk found that
 * few among those it may look at.
 */
export async function listEvents(
  db: Database,
  query: EventQuery,
): Promise<{ events: EventSummary[]; next: EventPosition | null }> {
  const { since, until, before, limit } = query;
  const from = since ?? 0;
  const bound = { receivedAt: until ?? Number.MAX_SAFE_INTEGER, id: "" };
  const start = before !== undefined && before.receivedAt < bound.receivedAt ? before : bound;
  const window = [from, start.receivedAt, start.id];
  const isFiltered = query.type !== undefined || query.organizationId !== undefined;
  const [page, lastLookedAt] = await db.batch([
    db.prepare(listEventsSql).bind(...window, query.type ?? null, query.organizationId ?? null, limit + 1),
    // Without a filter the walk ends where the page does.
    ...(isFiltered ? [db.prepare(lastLookedAtSql).bind(...window)] : []),
  ]);
  const rows = (page?.results ?? []).map((row) => summaryRow.parse(row));
  const events = rows.slice(0, limit);
  const last = events.at(-1);
  if (rows.length > limit && last !== undefined) return { events, next: { receivedAt: last.receivedAt, id: last.id } };
  const [edge] = lastLookedAt?.results ?? [];
  if (edge === undefined) return { events, next: null };
  return { events, next: positionRow.parse(edge) };
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
