import { z } from "zod";
import type { Database } from "./database.ts";
import { type EventPosition, MAX_LOOKED_AT, edgeOfListSql, readPosition, windowOf, windowSql } from "./event-list.ts";
import { outcomes } from "./event-outcomes.ts";
import { eventOutcomeSql } from "./event-progress.ts";
import type { ResourceRow } from "./resources.ts";

/** Events that a page shows at most. */
const MOST_SHOWN = 50;

/** No index knows the resource of an event, for it would cost a row written for each: the newest events are walked. */
export const eventsOfResourceSql = `
  SELECT seq, id, event, created_at, received_at, ${eventOutcomeSql} AS outcome FROM events
  WHERE ${windowSql(MAX_LOOKED_AT)} AND type = ?4 AND organization_id = ?5 AND resource_id IS ?6
  ORDER BY seq DESC LIMIT ${MOST_SHOWN + 1}`;

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

export interface ResourceHistory {
  /** Newest first. */
  readonly events: readonly EventOfResource[];
  /** Where to look on; null: nothing that is older is kept. */
  readonly next: EventPosition | null;
}

/** The events of a resource among the newest ones, or among those before a position. One D1 call. */
export async function historyOf(
  db: Database,
  { organizationId, type, resourceId }: ResourceRow,
  before: EventPosition | undefined,
): Promise<ResourceHistory> {
  const window = windowOf({ before });
  const [found, edge] = await db.batch([
    db.prepare(eventsOfResourceSql).bind(...window, type, organizationId, resourceId),
    db.prepare(edgeOfListSql).bind(...window),
  ]);
  const rows = found?.results ?? [];
  return {
    events: rows.slice(0, MOST_SHOWN).map((row) => eventOfResourceRow.parse(row)),
    next: readPosition(rows.length > MOST_SHOWN ? rows[MOST_SHOWN - 1] : edge?.results[0]),
  };
}
