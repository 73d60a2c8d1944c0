import { z } from "zod";
import type { Database } from "./database.ts";

/** How things stand at one destination. Times are Unix milliseconds. */
export interface DestinationBacklog {
  readonly destinationId: string;
  readonly enabled: boolean;
  readonly isFailing: boolean;
  readonly isCircuitOpen: boolean;
  readonly pending: number;
  /** Receipt of the oldest event that it is still owed; null when it is owed nothing. */
  readonly oldestPendingAt: number | null;
  readonly dead: number;
}

/** Counts stop here: who is behind by more is behind. */
export const COUNTED_AT_MOST = 10_000;

/** The pending and dead deliveries of each destination are read off their own indexes. */
const countedSql = `
  SELECT id, enabled, consecutive_failures > 0 AS is_failing, circuit_opened_at IS NOT NULL AS is_circuit_open,
    (SELECT count(*) FROM (
      SELECT 1 FROM deliveries WHERE destination_id = destinations.id AND status = 'pending'
      LIMIT ${COUNTED_AT_MOST})) AS pending,
    (SELECT min(received_at) FROM (
      SELECT received_at FROM deliveries WHERE destination_id = destinations.id AND status = 'pending'
      LIMIT ${COUNTED_AT_MOST})) AS oldest_pending_at,
    (SELECT count(*) FROM (
      SELECT 1 FROM deliveries WHERE destination_id = destinations.id AND status = 'dead'
      LIMIT ${COUNTED_AT_MOST})) AS dead
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

const flag = z.number().transform((value) => value === 1);

const backlogRow = z
  .object({
    id: z.string(),
    enabled: flag,
    is_failing: flag,
    is_circuit_open: flag,
    pending: z.number(),
    oldest_pending_at: z.number().nullable(),
    dead: z.number(),
  })
  .transform((row): DestinationBacklog => ({
    destinationId: row.id,
    enabled: row.enabled,
    isFailing: row.is_failing,
    isCircuitOpen: row.is_circuit_open,
    pending: row.pending,
    oldestPendingAt: row.oldest_pending_at,
    dead: row.dead,
  }));

export function readBacklogRow(row: unknown): DestinationBacklog {
  return backlogRow.parse(row);
}

export const waitingSql = `
  SELECT
    (SELECT count(*) FROM (SELECT 1 FROM dead_letters WHERE received_at > 0 AND replayed_at IS NULL
      LIMIT ${COUNTED_AT_MOST})) AS dead_letters,
    (SELECT count(*) FROM quarantine INDEXED BY quarantine_waiting WHERE settled_at IS NULL) AS quarantined`;

/** A statement; its row is for `readWaitingRow`. */
export function whatWaits(db: Database): D1PreparedStatement {
  return db.prepare(waitingSql);
}

const waitingRow = z.object({ dead_letters: z.number(), quarantined: z.number() });

/** Dead letters that nobody has replayed, and events in quarantine. */
export function readWaitingRow(row: unknown): { readonly deadLetters: number; readonly quarantined: number } {
  const { dead_letters, quarantined } = waitingRow.parse(row);
  return { deadLetters: dead_letters, quarantined };
}
