import { z } from "zod";

/** Deliveries of a destination that are shown, and destinations. */
const SHOWN = 30;
const MOST_DESTINATIONS = 50;

export const recentDeliveriesSql = `
  SELECT id, url, description, (
    SELECT json_group_array(json_object('status', status, 'http_status', attempts ->> '$[#-1].status',
      'attempts', attempts ->> '$[#-1].attempt', 'received_at', received_at))
    FROM (
      SELECT status, attempts, received_at FROM deliveries WHERE deliveries.destination_id = destinations.id
      ORDER BY received_at DESC, event_id DESC LIMIT ${SHOWN}
    )) AS recent
  FROM destinations ORDER BY id LIMIT ${MOST_DESTINATIONS}`;

/** A statement for each destination's newest deliveries; its rows are for `readRecentRow`. */
export function recentDeliveries(db: D1Database): D1PreparedStatement {
  return db.prepare(recentDeliveriesSql);
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
  recent: z.string().transform((text) => z.array(recent).parse(JSON.parse(text)).toReversed()),
});

/** A delivery of late. */
export type RecentDelivery = z.output<typeof recent>;

/** `recent`: oldest first. */
export function readRecentRow(row: unknown): z.output<typeof recentRow> {
  return recentRow.parse(row);
}
