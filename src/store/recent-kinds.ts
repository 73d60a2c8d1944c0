import { z } from "zod";
import type { Database } from "./database.ts";

/** Newest events that are looked at. */
export const KINDS_OF_AT_MOST = 2_000;

export const recentKindsSql = `
  WITH page AS (
    SELECT received_at, type, organization_id FROM events
    WHERE received_at >= ?1 ORDER BY received_at DESC, id DESC LIMIT ${KINDS_OF_AT_MOST})
  SELECT type, organization_id, count(*) AS events, max(received_at) AS newest_at
  FROM page GROUP BY type, organization_id ORDER BY events DESC`;

/** A statement for what kinds of event came since an instant; its rows are for `readKindRow`. It reads the index alone. */
export function recentKinds(db: Database, since: number): D1PreparedStatement {
  return db.prepare(recentKindsSql).bind(since);
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
