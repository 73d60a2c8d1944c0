import { z } from "zod";
import { type Database, retried } from "./database.ts";
import { unfinishedSql } from "./event-progress.ts";

/**
 * Reads events in the order of recording. There is no index of unfinished ones: it would cost a row for each event, a
 * thousand times what it costs to read the recent ones once a minute.
 */
export const scanSql = `
  SELECT seq, id, received_at, queued_at, claimed_until, ${unfinishedSql} AS unfinished
  FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2`;

const sweptRow = z
  .object({
    seq: z.number(),
    id: z.string(),
    received_at: z.number(),
    queued_at: z.number(),
    claimed_until: z.number().nullable(),
    unfinished: z.number(),
  })
  .transform((row) => ({
    seq: row.seq,
    id: row.id,
    receivedAt: row.received_at,
    queuedAt: row.queued_at,
    claimedUntil: row.claimed_until,
    isUnfinished: row.unfinished === 1,
  }));

/** An event that a scan came by. Times are Unix milliseconds. */
export type ScannedEvent = z.output<typeof sweptRow>;

/** Reads on from behind the position `after`, up to `limit` events. */
export async function scanEvents(db: Database, after: number, limit: number): Promise<ScannedEvent[]> {
  const { results } = await db.prepare(scanSql).bind(after, limit).all();
  return results.map((row) => sweptRow.parse(row));
}

export const markQueuedSql = "UPDATE events SET queued_at = ?2 WHERE id IN (SELECT value FROM json_each(?1))";

export async function markQueued(db: Database, ids: readonly string[], now: number): Promise<void> {
  await retried(db, () => db.prepare(markQueuedSql).bind(JSON.stringify(ids), now).run());
}
