import { z } from "zod";
import type { Database } from "./database.ts";
import { windowOf, windowSql } from "./event-list.ts";

/** What came of one type from one organization of late. */
export interface Traffic {
  readonly organizationId: string | null;
  readonly type: string;
  readonly events: number;
  /** Unix milliseconds. */
  readonly firstReceivedAt: number;
  /** Unix milliseconds. */
  readonly lastReceivedAt: number;
  /** Between two events; null when there was but one. */
  readonly longestGapMs: number | null;
}

/** The newest events that are looked at: a fraction of a second's work for D1. */
const LOOK_BACK = 20_000;

const MOST_SERIES = 1_000;

export const trafficSql = `
  WITH gaps AS (
    SELECT received_at, type, organization_id,
      received_at - lag(received_at) OVER (PARTITION BY organization_id, type ORDER BY received_at) AS gap
    FROM events WHERE ${windowSql(LOOK_BACK)})
  SELECT organization_id, type, count(*) AS events, min(received_at) AS first_received_at, max(received_at) AS last_received_at,
    max(gap) AS longest_gap_ms
  FROM gaps GROUP BY organization_id, type ORDER BY organization_id, type LIMIT ${MOST_SERIES}`;

/** A statement over events received since an instant; its rows are for `readTrafficRow`. */
export function trafficSince(db: Database, since: number): D1PreparedStatement {
  return db.prepare(trafficSql).bind(...windowOf({ since }));
}

const trafficRow = z
  .object({
    organization_id: z.string().nullable(),
    type: z.string(),
    events: z.number(),
    first_received_at: z.number(),
    last_received_at: z.number(),
    longest_gap_ms: z.number().nullable(),
  })
  .transform((row): Traffic => ({
    organizationId: row.organization_id,
    type: row.type,
    events: row.events,
    firstReceivedAt: row.first_received_at,
    lastReceivedAt: row.last_received_at,
    longestGapMs: row.longest_gap_ms,
  }));

export function readTrafficRow(row: unknown): Traffic {
  return trafficRow.parse(row);
}
