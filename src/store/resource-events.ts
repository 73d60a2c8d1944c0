import { z } from "zod";
import type { Database } from "./database.ts";
import { type EventPosition, MAX_LOOKED_AT, lastLookedAtSql, positionRow, windowSql } from "./event-list.ts";
import { outcomes } from "./event-outcomes.ts";
import { eventOutcomeSql } from "./event-progress.ts";
import type { ResourceRow } from "./resources.ts";

/** Events that a page shows at most. */
const MOST_SHOWN = 50;

/**
 * No index knows the resource of an event, for it would cost a row written for each. The time index knows type and
 * organization; what is left of the newest events by these is looked at one by one.
 */
export const eventsOfResourceSql = `
  SELECT events.id, event, created_at, events.received_at, ${eventOutcomeSql} AS outcome
  FROM (
    SELECT page.received_at, page.id
    FROM (
      SELECT received_at, id FROM (${windowSql} LIMIT ${MAX_LOOKED_AT}) WHERE type = ?4 AND organization_id = ?5
    ) AS page CROSS JOIN events ON events.id = page.id
    WHERE events.resource_id IS ?6
    ORDER BY page.received_at DESC, page.id DESC LIMIT ${MOST_SHOWN + 1}
  ) AS page CROSS JOIN events ON events.id = page.id
  ORDER BY page.received_at DESC, page.id DESC`;

const eventOfResourceRow = z
  .object({
    id: z.string(),
    event: z.string().nullable(),
    created_at: z.string().nullable(),
    received_at: z.number(),
    outcome: z.enum(outcomes),
  })
  .transform((row) => ({
    id: row.id,
    event: row.event,
    createdAt: row.created_at,
    receivedAt: row.received_at,
    outcome: row.outcome,
  }));

/** An event that told of a resource, and what became of it. */
export type EventOfResource = z.output<typeof eventOfResourceRow>;

export const receiptOfEventSql = "SELECT received_at, id FROM events WHERE id = ?1";

export interface ResourceHistory {
  /** Newest first. */
  readonly events: readonly EventOfResource[];
  /** Where to look on; null: nothing that is older is kept. */
  readonly next: EventPosition | null;
  /** The event that made the present state; null when it is not kept any more. */
  readonly maker: EventPosition | null;
}

/** The events of a resource among the newest ones, or among those before a position. One D1 call. */
export async function historyOf(
  db: Database,
  { organizationId, type, resourceId, eventId }: ResourceRow,
  before: EventPosition | undefined,
): Promise<ResourceHistory> {
  const window = [0, before?.receivedAt ?? Number.MAX_SAFE_INTEGER, before?.id ?? ""];
  const [found, edge, maker] = await db.batch([
    db.prepare(eventsOfResourceSql).bind(...window, type, organizationId, resourceId),
    db.prepare(lastLookedAtSql).bind(...window),
    db.prepare(receiptOfEventSql).bind(eventId),
  ]);
  const rows = (found?.results ?? []).map((row) => eventOfResourceRow.parse(row));
  const events = rows.slice(0, MOST_SHOWN);
  const last = rows.length > MOST_SHOWN ? events.at(-1) : undefined;
  return {
    events,
    next: last === undefined ? readPosition(edge?.results[0]) : { receivedAt: last.receivedAt, id: last.id },
    maker: readPosition(maker?.results[0]),
  };
}

function readPosition(row: unknown): EventPosition | null {
  return row === undefined ? null : positionRow.parse(row);
}
