import { z } from "zod";
import type { Database } from "./database.ts";
import { oldestDueOfSql } from "./drain.ts";
import { type CronStateName, readCronStateFrom, allCronState } from "./cron-state.ts";
import { appliedMigrations, isSchemaFault, migrationNames, missingAmong, readAppliedMigrations } from "./schema.ts";

/** How the relay fares, as far as D1 knows. Times are Unix milliseconds. */
export interface Condition {
  readonly cronState: ReadonlyMap<CronStateName, number>;
  /**
   * Since when the longest neglected destination that neither rests nor is paused has been: its longest due delivery was due
   * then, or its turn, if it is served by turns, or the end of its hold. Null: none waits.
   */
  readonly oldestDueAt: number | null;
  /** Since when each resting destination rests, the longest first. */
  readonly resting: readonly { readonly destinationId: string; readonly since: number }[];
  /** Messages that the queues gave up on of late. */
  readonly recentDeadLetters: number;
  /** Null when D1 does not say. */
  readonly databaseBytes: number | null;
}

export const oldestDueSql = `
  SELECT min(max(${oldestDueOfSql}, coalesce(next_drain_at, 0), coalesce(held_until, 0))) AS due_at
  FROM destinations WHERE enabled = 1 AND circuit_opened_at IS NULL`;

/** One that is owed nothing has nothing to be probed with, and nobody misses it. */
export const circuitOpenedAtSql = `
  SELECT id, circuit_opened_at FROM destinations
  WHERE enabled = 1 AND circuit_opened_at IS NOT NULL AND ${oldestDueOfSql} IS NOT NULL ORDER BY circuit_opened_at`;

/** Bounded, for anybody may ask. */
export const recentDeadLettersSql = `
  SELECT count(*) AS messages FROM (SELECT 1 FROM dead_letters WHERE received_at >= ?1 LIMIT 1000)`;

const dueRow = z.object({ due_at: z.number().nullable() });
const openCircuitRow = z.object({ id: z.string(), circuit_opened_at: z.number() });
const countRow = z.object({ messages: z.number() });

/** What D1 tells of the relay. */
export interface Told {
  readonly missingMigrations: readonly string[];
  /** Null while a table or a column is missing that it takes to tell. */
  readonly condition: Condition | null;
}

/** One D1 call; reads a row or two for each destination. A second one when a table or a column is missing. */
export async function readCondition(db: Database, deadLettersSince: number): Promise<Told> {
  try {
    const [applied, ...results] = await db.batch([
      appliedMigrations(db),
      allCronState(db),
      db.prepare(oldestDueSql),
      db.prepare(circuitOpenedAtSql),
      db.prepare(recentDeadLettersSql).bind(deadLettersSince),
    ]);
    return {
      missingMigrations: missingAmong(migrationNames(applied?.results ?? [])),
      condition: toCondition(results),
    };
  } catch (error) {
    if (!isSchemaFault(error)) throw error;
    return { missingMigrations: missingAmong(await readAppliedMigrations(db)), condition: null };
  }
}

function toCondition([cronState, due, resting, deadLetters]: readonly D1Result[]): Condition {
  return {
    cronState: readCronStateFrom(cronState?.results ?? []),
    oldestDueAt: dueRow.parse(due?.results[0]).due_at,
    resting: z
      .array(openCircuitRow)
      .parse(resting?.results)
      .map((row) => ({ destinationId: row.id, since: row.circuit_opened_at })),
    recentDeadLetters: countRow.parse(deadLetters?.results[0]).messages,
    databaseBytes: databaseBytesOf(deadLetters),
  };
}

/** D1 takes no more than this into one database. */
export const MOST_DATABASE_BYTES = 10_000_000_000;

const sizeInMeta = z.object({ size_after: z.number() });

/** How large the database is, as D1 says with the result of any statement; null when it does not. */
export function databaseBytesOf(result: { readonly meta: unknown } | undefined): number | null {
  const size = sizeInMeta.safeParse(result?.meta);
  return size.success ? size.data.size_after : null;
}
