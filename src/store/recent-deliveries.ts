import { z } from "zod";
import type { Database } from "./database.ts";
import { isAmongNewestSql } from "./event-order.ts";
import { isFirstSql, recipientsSql } from "./event-progress.ts";

/** Deliveries of a destination that are shown, and destinations. */
const SHOWN = 30;
const MOST_DESTINATIONS = 50;

/** The newest events among which first attempts that succeeded are looked for. */
const EVENTS_LOOKED_AT = 100;

export const recentDeliveriesSql = `
  WITH firsts AS MATERIALIZED (
    SELECT recipient.key AS destination_id, json_group_array(json_array(recipient.value ->> 1, received_at)) AS given
    FROM events CROSS JOIN ${recipientsSql} WHERE ${isAmongNewestSql(EVENTS_LOOKED_AT)} AND ${isFirstSql}
    GROUP BY recipient.key)
  SELECT id, url, description, types, (
    SELECT json_group_array(json_object(
      'status', status, 'http_status', http_status, 'attempts', attempts, 'received_at', received_at))
    FROM (
      SELECT status, http_status, attempts, received_at FROM (
        SELECT status, attempts ->> '$[#-1].status' AS http_status, attempts ->> '$[#-1].attempt' AS attempts, received_at
        FROM deliveries WHERE deliveries.destination_id = destinations.id
        ORDER BY received_at DESC, event_id DESC LIMIT ${SHOWN})
      UNION ALL
      SELECT 'delivered', first.value ->> 0, 1, first.value ->> 1
      FROM firsts CROSS JOIN json_each(firsts.given) AS first WHERE firsts.destination_id = destinations.id
      ORDER BY received_at DESC LIMIT ${SHOWN}
    )) AS recent
  FROM destinations WHERE id > ?1 ORDER BY id LIMIT ?2`;

/** A statement for newest deliveries of the destinations behind an id; its rows are for `readRecentRow`. */
export function recentDeliveries(db: Database, after = "", limit = MOST_DESTINATIONS): D1PreparedStatement {
  return db.prepare(recentDeliveriesSql).bind(after, limit);
}

const recent = z
  .object({
    status: z.enum(["pending", "delivered", "dead"]),
    http_status: z.number().nullable(),
    attempts: z.number().nullable(),
    received_at: z.number(),
  })
  .transform((row) => ({
    status: row.status,
    /** Of the latest attempt; null without an answer. */
    httpStatus: row.http_status,
    attempts: row.attempts ?? 0,
    /** Of the event, Unix milliseconds. */
    receivedAt: row.received_at,
  }));

const recentRow = z.object({
  id: z.string(),
  url: z.string(),
  description: z.string().nullable(),
  types: z.string().transform((text) => z.array(z.string()).parse(JSON.parse(text))),
  recent: z.string().transform((text) => z.array(recent).parse(JSON.parse(text)).toReversed()),
});

/** A delivery of late. */
export type RecentDelivery = z.output<typeof recent>;

/** A destination with its deliveries of late, oldest first. */
export type RecentOfDestination = z.output<typeof recentRow>;

export function readRecentRow(row: unknown): RecentOfDestination {
  return recentRow.parse(row);
}
