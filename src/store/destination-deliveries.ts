import { z } from "zod";
import type { Database } from "./database.ts";
import { attemptRow, deliveryStatus } from "./deliveries.ts";
import { isAmongNewestSql } from "./event-order.ts";
import { attemptsSql, isFirstSuccessSql, recipientsSql, recipientsWithRowsSql } from "./event-progress.ts";
import { flag, json, reader } from "./rows.ts";

/** How the deliveries to each destination stand: its backlog, its recent deliveries, its latest attempt. */

/** Counts stop here. */
export const COUNTED_AT_MOST = 10_000;

/** On a row of `destinations`. The pending deliveries have an index of their own, and so have the dead ones. */
export const amongDeliveriesSql = (aggregate: string, status: "pending" | "dead") => `(
  SELECT ${aggregate} FROM (
    SELECT received_at FROM deliveries WHERE destination_id = destinations.id AND status = '${status}'
    LIMIT ${COUNTED_AT_MOST}))`;

const countedSql = `
  SELECT id AS destinationId, enabled, consecutive_failures > 0 AS isFailing, circuit_opened_at IS NOT NULL AS isCircuitOpen,
    ${amongDeliveriesSql("count(*)", "pending")} AS pending,
    ${amongDeliveriesSql("min(received_at)", "pending")} AS oldestPendingAt,
    ${amongDeliveriesSql("count(*)", "dead")} AS dead
  FROM destinations`;

export const backlogSql = `${countedSql} ORDER BY id`;

/** A statement; its rows are for `readBacklogRow`. */
export function backlogs(db: Database): D1PreparedStatement {
  return db.prepare(backlogSql);
}

export const backlogOfOneSql = `${countedSql} WHERE id = ?1`;

/** The same for one destination. */
export function backlogOf(db: Database, destinationId: string): D1PreparedStatement {
  return db.prepare(backlogOfOneSql).bind(destinationId);
}

export const readBacklogRow = reader({
  destinationId: z.string(),
  enabled: flag,
  isFailing: flag,
  isCircuitOpen: flag,
  pending: z.number(),
  /** Receipt of the oldest event that is pending, Unix milliseconds; null when none is. */
  oldestPendingAt: z.number().nullable(),
  dead: z.number(),
});

export type DestinationBacklog = ReturnType<typeof readBacklogRow>;

/** Deliveries of a destination that are shown, and destinations. */
const SHOWN = 30;
const MOST_DESTINATIONS = 50;

/** The newest events among which first attempts that succeeded are looked for. */
const RECENT_EVENTS = 100;

export const recentDeliveriesSql = `
  WITH first_successes AS MATERIALIZED (
    SELECT recipient.key AS destination_id, json_group_array(json_array(recipient.value ->> 1, received_at)) AS given
    FROM events CROSS JOIN ${recipientsSql} WHERE ${isAmongNewestSql(RECENT_EVENTS)} AND ${isFirstSuccessSql}
    GROUP BY recipient.key)
  SELECT id, url, description, types, (
    SELECT json_group_array(json_object(
      'status', status, 'httpStatus', http_status, 'attempts', attempts, 'receivedAt', received_at))
    FROM (
      SELECT status, http_status, attempts, received_at FROM (
        SELECT status, attempts ->> '$[#-1].status' AS http_status, coalesce(attempts ->> '$[#-1].attempt', 0) AS attempts,
          received_at
        FROM deliveries WHERE deliveries.destination_id = destinations.id
        ORDER BY received_at DESC, event_id DESC LIMIT ${SHOWN})
      UNION ALL
      SELECT 'delivered', success.value ->> 0, 1, success.value ->> 1
      FROM first_successes CROSS JOIN json_each(first_successes.given) AS success
      WHERE first_successes.destination_id = destinations.id
      ORDER BY received_at DESC LIMIT ${SHOWN}
    )) AS recent
  FROM destinations WHERE id > ?1 ORDER BY id LIMIT ?2`;

/** A statement for the newest deliveries of the destinations whose ids sort after `after`; its rows are for `readRecentRow`. */
export function recentDeliveries(db: Database, after = "", limit = MOST_DESTINATIONS): D1PreparedStatement {
  return db.prepare(recentDeliveriesSql).bind(after, limit);
}

const recent = z.object({
  status: deliveryStatus,
  /** Of the latest attempt; null without an answer. */
  httpStatus: z.number().nullable(),
  attempts: z.number(),
  /** Of the event, Unix milliseconds. */
  receivedAt: z.number(),
});

export const readRecentRow = reader({
  id: z.string(),
  url: z.string(),
  description: z.string().nullable(),
  types: json(z.array(z.string())),
  /** Oldest first. */
  recent: json(z.array(recent)).transform((newestFirst) => newestFirst.toReversed()),
});

/** A destination with its recent deliveries. */
export type RecentOfDestination = ReturnType<typeof readRecentRow>;

/** Deliveries of each kind, and newest events, among which the latest attempt is looked for. */
const DELIVERIES_LOOKED_AT = 50;
const EVENTS_LOOKED_AT = 500;

const lookedAtSql = (where: string, order: string) => `
  SELECT event_id, attempts FROM (
    SELECT event_id, attempts FROM deliveries WHERE destination_id = ?1 ${where} ORDER BY ${order} LIMIT ${DELIVERIES_LOOKED_AT})`;

const lastFailureSql = "(SELECT coalesce(last_failure_at, 0) FROM destinations WHERE id = ?1)";

/**
 * The newest deliveries need not hold the latest attempt. A probe attempts the delivery that is due longest. Afterwards that
 * one is the last of the pending ones, or dead, or, after a short first step, due soon after the failure.
 */
export const latestAttemptSql = `
  SELECT event_id AS eventId, attempts -> '$[#-1]' AS attempt FROM (
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

export const readLatestAttempt = reader({ eventId: z.string(), attempt: json(attemptRow) });

export const edgesSql = `
  SELECT
    (SELECT max(received_at) FROM (
      SELECT max(received_at) AS received_at FROM deliveries WHERE destination_id = ?1
      UNION ALL
      SELECT max(received_at) FROM events WHERE ${isAmongNewestSql(EVENTS_LOOKED_AT)} AND EXISTS (
        SELECT 1 FROM json_each(events.recipients) WHERE key = ?1))) AS newestAt,
    (SELECT min(next_attempt_at) FROM deliveries WHERE destination_id = ?1 AND status = 'pending') AS nextAttemptAt`;

/** A statement for where a destination's deliveries begin and end; its row is for `readEdges`. */
export function edgesOf(db: Database, destinationId: string): D1PreparedStatement {
  return db.prepare(edgesSql).bind(destinationId);
}

export const readEdges = reader({
  /** Receipt of the newest event of which it is a recipient, Unix milliseconds. */
  newestAt: z.number().nullable(),
  /** When the next pending delivery is due, Unix milliseconds. */
  nextAttemptAt: z.number().nullable(),
});
