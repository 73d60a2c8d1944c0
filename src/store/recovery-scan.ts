import { z } from "zod";
import { type Database, write } from "./database.ts";
import { isUndispatchedSql } from "./event-progress.ts";
import { flag, rowsOf } from "./rows.ts";

/**
 * Reads events in the order of recording. There is no index of undispatched ones: it would cost a row for each event, a
 * thousand times what it costs to read the recent ones once a minute.
 */
export const scanSql = `
  SELECT seq, id, received_at AS receivedAt, queued_at AS queuedAt, lease_until AS leaseUntil, ${isUndispatchedSql} AS isUndispatched
  FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2`;

const scannedRow = z.object({
  seq: z.number(),
  id: z.string(),
  receivedAt: z.number(),
  queuedAt: z.number(),
  leaseUntil: z.number().nullable(),
  isUndispatched: flag,
});

/** An event that the recovery scan read. Times are Unix milliseconds. */
export type ScannedEvent = z.output<typeof scannedRow>;

/** Reads up to `limit` events after the position `after`. */
export async function scanEvents(db: Database, after: number, limit: number): Promise<ScannedEvent[]> {
  return rowsOf(scannedRow, await db.prepare(scanSql).bind(after, limit).all());
}

export const markQueuedSql = "UPDATE events SET queued_at = ?2 WHERE id IN (SELECT value FROM json_each(?1))";

export async function markQueued(db: Database, ids: readonly string[], now: number): Promise<void> {
  await write(db, db.prepare(markQueuedSql).bind(JSON.stringify(ids), now));
}
