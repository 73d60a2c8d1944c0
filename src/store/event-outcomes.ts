import { z } from "zod";
import type { Database } from "./database.ts";
import { windowOf, windowSql } from "./event-list.ts";
import { eventOutcomeSql } from "./event-progress.ts";

export const outcomes = ["delivered", "pending", "dead", "unmatched"] as const;

/** What became of an event; `dead`: of one delivery at least. */
export type EventOutcome = (typeof outcomes)[number];

/** The newest events that a search looks at: a fraction of a second's work for D1. */
export const OUTCOMES_COUNTED_AT_MOST = 2_000;

/** Those that a chart counts, each time that somebody looks at it. */
export const OUTCOMES_CHARTED_AT_MOST = 500;

/**
 * Most events have been delivered at once, which their own row tells: each recipient has a value, and nothing is written down
 * of the event. The recipients of the others are looked at one by one.
 */
export const outcomesSql = `
  WITH RECURSIVE found (id) AS (
    SELECT min(destination_id) FROM deliveries
    UNION ALL
    SELECT (SELECT min(destination_id) FROM deliveries WHERE destination_id > found.id)
    FROM found WHERE found.id IS NOT NULL
  )
  SELECT CAST((received_at - ?1) / ?4 AS INTEGER) AS slot, outcome, count(*) AS events
  FROM (
    SELECT events.received_at, CASE
      WHEN instr(events.recipients, ':') > 0 AND instr(events.recipients, ':null') = 0 AND events.id NOT IN (
        SELECT deliveries.event_id FROM found CROSS JOIN deliveries ON deliveries.destination_id = found.id
          AND deliveries.received_at >= (
            SELECT received_at FROM events WHERE ${windowSql(OUTCOMES_CHARTED_AT_MOST)} ORDER BY seq LIMIT 1))
        THEN 'delivered'
      ELSE ${eventOutcomeSql} END AS outcome
    FROM events WHERE ${windowSql(OUTCOMES_CHARTED_AT_MOST)}
  ) GROUP BY slot, outcome`;

/** A statement that counts what became of the newest events since an instant, slot by slot; its rows are for `readOutcomeRow`. */
export function outcomesSince(db: Database, since: number, slotMs: number): D1PreparedStatement {
  return db.prepare(outcomesSql).bind(...windowOf({ since }), slotMs);
}

const outcomeRow = z.object({ slot: z.number(), outcome: z.enum(outcomes), events: z.number() });

/** `slot`: 0 is the one that begins at the instant. */
export function readOutcomeRow(row: unknown): z.output<typeof outcomeRow> {
  return outcomeRow.parse(row);
}
