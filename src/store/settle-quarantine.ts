import { type Database, retried } from "./database.ts";
import type { RelayEvent } from "../domain/event.ts";
import { eventColumns, eventParameters, eventValues } from "./events.ts";
import { isWaitingSql } from "./quarantine.ts";

export const recordReleasedSql = `
  INSERT INTO events (${eventColumns}) SELECT ${eventValues}
  WHERE EXISTS (SELECT 1 FROM quarantine WHERE id = ?13 AND settled_at IS NULL)
  ON CONFLICT (id) DO NOTHING
  RETURNING id`;

/** The copy is settled by an event of the same id with another body: that one stays, and it is counted. */
export const conflictOfReleasedSql = `
  UPDATE events SET conflicts = conflicts + 1 FROM quarantine
  WHERE quarantine.id = ?1 AND settled_at IS NULL
    AND events.id = quarantine.event_id AND events.body <> CAST(quarantine.body AS TEXT)`;

export const settleReleasedSql = "UPDATE quarantine SET settled_at = ?2 WHERE id = ?1 AND settled_at IS NULL";

/**
 * Records the event of a quarantined copy and settles the copy, in one transaction; returns whether the event has yet to
 * be handled. A copy that is settled brings no event about again, even when retention has deleted the one that it became.
 * Rows written: 4.
 */
export async function recordReleased(db: Database, id: string, event: RelayEvent): Promise<boolean> {
  let isRepeated = false;
  const [recorded] = await retried(db, (before) => {
    isRepeated = before > 0;
    return db.batch([
      db.prepare(recordReleasedSql).bind(...eventParameters(event), id),
      db.prepare(conflictOfReleasedSql).bind(id),
      db.prepare(settleReleasedSql).bind(id, event.receivedAt),
    ]);
  });
  // A repeated call may have met its own row.
  return isRepeated || (recorded?.results ?? []).length > 0;
}

const overtakenSql = `
  FROM quarantine INDEXED BY quarantine_waiting WHERE settled_at IS NULL AND NOT (${isWaitingSql}) ORDER BY id LIMIT ?1`;

export const conflictsOfAcceptedSql = `
  UPDATE events SET conflicts = conflicts + 1
  FROM (SELECT quarantine.event_id, CAST(quarantine.body AS TEXT) AS body ${overtakenSql}) AS overtaken
  WHERE events.id = overtaken.event_id AND events.body <> overtaken.body
  RETURNING events.id`;

export const settleAcceptedSql = `UPDATE quarantine SET settled_at = ?2 WHERE id IN (SELECT id ${overtakenSql})`;

/**
 * Settles up to `limit` copies whose event has been accepted by another way; returns how many there were, and the ids of
 * the events that had another body.
 */
export async function settleAccepted(
  db: Database,
  now: number,
  limit: number,
): Promise<{ settled: number; conflicting: string[] }> {
  const [conflicts, settled] = await retried(db, () =>
    db.batch<{ id: string }>([
      db.prepare(conflictsOfAcceptedSql).bind(limit),
      db.prepare(settleAcceptedSql).bind(limit, now),
    ]),
  );
  return {
    settled: settled?.meta.changes ?? 0,
    conflicting: (conflicts?.results ?? []).map(({ id }) => id),
  };
}
