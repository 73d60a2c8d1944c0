import { z } from "zod";
import type { Database } from "./database.ts";
import { windowOf, windowSql } from "./event-list.ts";
import { eventOutcomeSql } from "./event-progress.ts";

export const outcomes = ["delivered", "pending", "dead", "unmatched"] as const;

/** What became of an event; `dead`: of one delivery at least. */
export type EventOutcome = (typeof outcomes)[number];

/** The newest events that are looked at: a fraction of a second's work for D1. */
export const OUTCOMES_COUNTED_AT_MOST = 2_000;

export const outcomesSql = `
  SELECT CAST((received_at - ?1) / ?4 AS INTEGER) AS slot, outcome, count(*) AS events
  FROM (
    SELECT events.received_at, ${eventOutcomeSql} AS outcome
    FROM events WHERE ${windowSql(OUTCOMES_COUNTED_AT_MOST)}
  ) GROUP BY slot, outcome`;

/** A statement that counts what became of the events since an instant, slot by slot; its rows are for `readOutcomeRow`. */
export function outcomesSince(db: Database, since: number, slotMs: number): D1PreparedStatement {
  return db.prepare(outcomesSql).bind(...windowOf({ since }), slotMs);
}

const outcomeRow = z.object({ slot: z.number(), outcome: z.enum(outcomes), events: z.number() });

/** `slot`: 0 is the one that begins at the instant. */
export function readOutcomeRow(row: unknown): z.output<typeof outcomeRow> {
  return outcomeRow.parse(row);
}
