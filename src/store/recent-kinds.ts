import { z } from "zod";
import type { Database } from "./database.ts";
import { windowOf, windowSql } from "./event-list.ts";

/** Newest events that are looked at. */
export const KINDS_OF_AT_MOST = 2_000;

export const recentKindsSql = `
  SELECT type, organization_id, count(*) AS events, max(received_at) AS newest_at
  FROM events WHERE ${windowSql(KINDS_OF_AT_MOST)} GROUP BY type, organization_id ORDER BY events DESC`;

/** A statement for what kinds of event came since an instant; its rows are for `readKindRow`. */
export function recentKinds(db: Database, since: number): D1PreparedStatement {
  return db.prepare(recentKindsSql).bind(...windowOf({ since }));
}

const kindRow = z
  .object({ type: z.string(), organization_id: z.string().nullable(), events: z.number(), newest_at: z.number() })
  .transform((row) => ({
    type: row.type,
    organizationId: row.organization_id,
    events: row.events,
    /** Unix milliseconds. */
    newestAt: row.newest_at,
  }));

/** Events of one type of one organization. */
export type EventKind = z.output<typeof kindRow>;

export function readKindRow(row: unknown): EventKind {
  return kindRow.parse(row);
}
