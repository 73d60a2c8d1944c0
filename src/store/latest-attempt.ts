import { z } from "zod";
import type { Database } from "./database.ts";
import type { Attempt } from "../domain/delivery.ts";
import { readAttempt, attemptRow } from "./deliveries.ts";
import { isAmongNewestSql } from "./event-order.ts";
import { attemptsSql, recipientsWithRowsSql } from "./event-progress.ts";

/** Deliveries of each kind among which the latest attempt is looked for. */
const LOOK_BACK = 50;

const lookedAtSql = (where: string, order: string) => `
  SELECT event_id, attempts FROM (
    SELECT event_id, attempts FROM deliveries WHERE destination_id = ?1 ${where} ORDER BY ${order} LIMIT ${LOOK_BACK})`;

/** The newest events among which its first attempts that succeeded are looked for. */
const EVENTS_LOOKED_AT = 500;

const lastFailureSql = "(SELECT coalesce(last_failure_at, 0) FROM destinations WHERE id = ?1)";

/**
 * The newest deliveries need not hold the latest attempt: a probe is one of the delivery that is due longest, and comes to
 * the end of what waits, or to its own end, or, as its first wait is a short one, to just behind the time of the failure.
 */
export const latestAttemptSql = `
  SELECT event_id, attempts -> '$[#-1]' AS attempt FROM (
    ${lookedAtSql("", "received_at DESC, event_id DESC")}
    UNION ALL ${lookedAtSql("AND status = 'pending'", "next_attempt_at DESC")}
    UNION ALL ${lookedAtSql(`AND status = 'pending' AND next_attempt_at > ${lastFailureSql}`, "next_attempt_at")}
    UNION ALL ${lookedAtSql("AND status = 'dead'", "received_at DESC")}
    UNION ALL
    SELECT events.id, ${attemptsSql} FROM events CROSS JOIN ${recipientsWithRowsSql}
    WHERE ${isAmongNewestSql(EVENTS_LOOKED_AT)} AND recipient.key = ?1)
  WHERE json_array_length(attempts) > 0 AND attempts ->> '$[#-1].outcome' <> 'filtered'
  ORDER BY attempts ->> '$[#-1].at' DESC LIMIT 1`;

/** A statement for what a destination answered last; its row, if there is one, is for `readLatestAttempt`. */
export function latestAttempt(db: Database, destinationId: string): D1PreparedStatement {
  return db.prepare(latestAttemptSql).bind(destinationId);
}

const latestRow = z.object({
  event_id: z.string(),
  attempt: z.string().transform((text) => attemptRow.parse(JSON.parse(text))),
});

export interface LatestAttempt {
  readonly eventId: string;
  readonly attempt: Attempt;
}

export function readLatestAttempt(row: unknown): LatestAttempt {
  const { event_id, attempt } = latestRow.parse(row);
  return { eventId: event_id, attempt: readAttempt(attempt) };
}

export const edgesSql = `
  SELECT
    (SELECT max(received_at) FROM (
      SELECT max(received_at) AS received_at FROM deliveries WHERE destination_id = ?1
      UNION ALL
      SELECT max(received_at) FROM events WHERE ${isAmongNewestSql(EVENTS_LOOKED_AT)} AND EXISTS (
        SELECT 1 FROM json_each(events.recipients) WHERE key = ?1))) AS newest_received_at,
    (SELECT min(next_attempt_at) FROM deliveries WHERE destination_id = ?1 AND status = 'pending') AS next_attempt_at`;

/** A statement for where a destination's deliveries begin and end; its row is for `readEdges`. */
export function edgesOf(db: Database, destinationId: string): D1PreparedStatement {
  return db.prepare(edgesSql).bind(destinationId);
}

const edgesRow = z.object({ newest_received_at: z.number().nullable(), next_attempt_at: z.number().nullable() });

/** Receipt of the newest event that it was owed, and when the next attempt of what waits is due; Unix milliseconds. */
export function readEdges(row: unknown): { readonly newestAt: number | null; readonly nextAttemptAt: number | null } {
  const { newest_received_at, next_attempt_at } = edgesRow.parse(row);
  return { newestAt: newest_received_at, nextAttemptAt: next_attempt_at };
}
