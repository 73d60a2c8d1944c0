import { z } from "zod";
import type { Database } from "./database.ts";
import { type ConnectionHealth, connectionHealthOf, readConnectionHealth } from "./connection-health.ts";
import { COUNTED_AT_MOST } from "./destination-deliveries.ts";
import { oldestDueOfSql } from "./drain.ts";
import { appliedMigrationsSql } from "./migrations.ts";
import { reader, rowsOf } from "./rows.ts";
import { type CronStateName, readCronStateFrom, allCronState } from "./cron-state.ts";
import { isSchemaFault, migrationNames, missingAmong, readAppliedMigrations } from "./schema.ts";

/** The state of the relay, as far as D1 knows it. Times are Unix milliseconds. */
export interface Condition {
  readonly cronState: ReadonlyMap<CronStateName, number>;
  /**
   * Since when a destination that is enabled, with a closed circuit, could have been drained and was not: the longest such
   * time. Null: no destination has a pending delivery.
   */
  readonly oldestDueAt: number | null;
  /** Destinations with an open circuit, the longest open first. */
  readonly openCircuits: readonly { readonly destinationId: string; readonly since: number }[];
  /** Counted since the time that was asked for. */
  readonly recentDeadLetters: number;
  readonly connections: readonly ConnectionHealth[];
  /** Null when D1 does not say. */
  readonly databaseBytes: number | null;
}

export const oldestDueSql = `
  SELECT min(max(${oldestDueOfSql}, coalesce(next_drain_at, 0), coalesce(held_until, 0))) AS dueAt
  FROM destinations WHERE enabled = 1 AND circuit_opened_at IS NULL`;

/** A destination without a pending delivery has nothing to be probed with, and misses nothing. */
export const openCircuitsWithPendingSql = `
  SELECT id AS destinationId, circuit_opened_at AS since FROM destinations
  WHERE enabled = 1 AND circuit_opened_at IS NOT NULL AND ${oldestDueOfSql} IS NOT NULL ORDER BY circuit_opened_at`;

/** Bounded: `/health` is public. */
export const recentDeadLettersSql = `
  SELECT count(*) AS messages FROM (SELECT 1 FROM dead_letters WHERE received_at >= ?1 LIMIT 1000)`;

const dueRow = z.object({ dueAt: z.number().nullable() });
const openCircuitRow = z.object({ destinationId: z.string(), since: z.number() });
const countRow = z.object({ messages: z.number() });

/** What D1 tells of the relay. */
export interface Told {
  readonly missingMigrations: readonly string[];
  /** Null while a table or a column is missing. */
  readonly condition: Condition | null;
}

/** One D1 call that reads a row or two for each destination. A second one when a table or a column is missing. */
export async function readCondition(db: Database, deadLettersSince: number): Promise<Told> {
  try {
    const [applied, cronState, due, openCircuits, deadLetters, connections] = await db.batch([
      db.prepare(appliedMigrationsSql),
      allCronState(db),
      db.prepare(oldestDueSql),
      db.prepare(openCircuitsWithPendingSql),
      db.prepare(recentDeadLettersSql).bind(deadLettersSince),
      connectionHealthOf(db),
    ]);
    return {
      missingMigrations: missingAmong(migrationNames(applied)),
      condition: {
        cronState: readCronStateFrom(cronState?.results ?? []),
        oldestDueAt: dueRow.parse(due?.results[0]).dueAt,
        openCircuits: rowsOf(openCircuitRow, openCircuits),
        recentDeadLetters: countRow.parse(deadLetters?.results[0]).messages,
        connections: readConnectionHealth(connections),
        databaseBytes: databaseBytesOf(deadLetters),
      },
    };
  } catch (error) {
    if (!isSchemaFault(error)) throw error;
    return { missingMigrations: missingAmong(await readAppliedMigrations(db)), condition: null };
  }
}

/** D1 takes no more than this into one database. */
export const MOST_DATABASE_BYTES = 10_000_000_000;

const sizeInMeta = z.object({ size_after: z.number() });

/** How large the database is, as D1 says with the result of any statement; null when it does not. */
export function databaseBytesOf(result: { readonly meta: unknown } | undefined): number | null {
  const size = sizeInMeta.safeParse(result?.meta);
  return size.success ? size.data.size_after : null;
}

export const waitingSql = `
  SELECT
    (SELECT count(*) FROM (SELECT 1 FROM dead_letters WHERE received_at > 0 AND replayed_at IS NULL
      LIMIT ${COUNTED_AT_MOST})) AS deadLetters,
    (SELECT count(*) FROM quarantine INDEXED BY quarantine_waiting WHERE settled_at IS NULL) AS quarantined`;

/** A statement that counts what waits for an operator; its row is for `readWaitingRow`. */
export function whatWaits(db: Database): D1PreparedStatement {
  return db.prepare(waitingSql);
}

export const readWaitingRow = reader({
  /** Dead letters that nobody has replayed. */
  deadLetters: z.number(),
  quarantined: z.number(),
});
