import type { RelayEvent } from "../domain/event.ts";
import { eventColumns, eventParameters, eventValues } from "./events.ts";
import { isWaitingSql } from "./quarantine.ts";
import { retried } from "./retried.ts";

export const recordReleasedSql = `
  INSERT INTO events (${eventColumns}) SELECT ${eventValues}
  WHERE EXISTS (SELECT 1 FROM quarantine WHERE id = ?12 AND settled_at IS NULL)
  ON CONFLICT (id) DO NOTHING
  RETURNING id`;

export const settleReleasedSql = "UPDATE quarantine SET settled_at = ?2 WHERE id = ?1 AND settled_at IS NULL";

/**
 * Records the event of a quarantined copy and settles the copy, in one transaction; returns whether the event has yet to
 * be handled. A copy that is settled brings no event about again, even when retention has deleted the one that it became.
 * Rows written: 4.
 */
export async function recordReleased(db: D1Database, id: string, event: RelayEvent): Promise<boolean> {
  let isRepeated = false;
  const [recorded] = await retried((before) => {
    isRepeated = before > 0;
    return db.batch([
      db.prepare(recordReleasedSql).bind(...eventParameters(event), id),
      db.prepare(settleReleasedSql).bind(id, event.receivedAt),
    ]);
  });
  // A repeated call may have met its own row.
  return isRepeated || (recorded?.results ?? []).length > 0;
}

export const settleAcceptedSql = `
  UPDATE quarantine SET settled_at = ?1 WHERE id IN (
    SELECT id FROM quarantine INDEXED BY quarantine_waiting
    WHERE settled_at IS NULL AND NOT (${isWaitingSql}) LIMIT ?2)`;

/** Settles up to `limit` copies whose event has been accepted by another way; returns how many there were. */
export async function settleAccepted(db: D1Database, now: number, limit: number): Promise<number> {
  const { meta } = await retried(() => db.prepare(settleAcceptedSql).bind(now, limit).run());
  return meta.changes;
}
