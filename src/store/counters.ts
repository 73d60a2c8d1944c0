import { z } from "zod";
import type { Database } from "./database.ts";
import type { Counters, Counts } from "../domain/counters.ts";
import { logFailure } from "../platform/log.ts";
import { json } from "./rows.ts";
import { describeSchemaFault } from "./schema.ts";

export const MS_PER_HOUR = 3_600_000;

/** The key of the row that is never deleted: counts of all time. */
export const ALL_TIME = 0;

/** The key of the row for an instant's hour. */
export function hourOf(at: number): number {
  return Math.floor(at / MS_PER_HOUR);
}

/** Adds ?2 to the counts of the hour ?1 and to those of all time: two rows, however much was counted. */
export const addCountsSql = `
  INSERT INTO counters (hour, counts) SELECT value, ?2 FROM json_each(json_array(?1, ${ALL_TIME})) WHERE true
  ON CONFLICT (hour) DO UPDATE SET counts = (
    SELECT json_group_object(key, total) FROM (
      SELECT key, sum(value) AS total
      FROM (SELECT key, value FROM json_each(counters.counts) UNION ALL SELECT key, value FROM json_each(excluded.counts))
      GROUP BY key))`;

/**
 * Writes down what an isolate has counted. It never throws: should D1 fail, the counts go back and are written the next time. After
 * a write whose answer was lost they are counted twice. `unit`: of the log line, when it fails.
 */
export async function writeCounters(db: Database, counters: Counters, now: number, unit = "api"): Promise<void> {
  const taken = counters.take(now);
  if (Object.keys(taken).length === 0) return;
  try {
    await db.prepare(addCountsSql).bind(hourOf(now), JSON.stringify(taken)).run();
  } catch (error) {
    counters.giveBack(taken);
    logFailure(unit, await describeSchemaFault(db, error), { message: "counters.write_failed" });
  }
}

/** What follows the label `destination_id="` in a series. */
const afterLabelSql = `substr(key, instr(key, 'destination_id="') + length('destination_id="'))`;

/** On a row of `json_each` of some counts: its series names a destination that does not exist. */
const isOfRemovedSql = `(instr(key, 'destination_id="') > 0 AND NOT EXISTS (
    SELECT 1 FROM destinations WHERE id = substr(${afterLabelSql}, 1, instr(${afterLabelSql}, '"') - 1)))`;

export const forgetRemovedSql = `
  UPDATE counters SET counts = (
    SELECT json_group_object(key, value) FROM json_each(counters.counts) WHERE NOT ${isOfRemovedSql})
  WHERE hour = ${ALL_TIME} AND EXISTS (SELECT 1 FROM json_each(counters.counts) WHERE ${isOfRemovedSql})`;

/**
 * A statement that drops the counts of all time of removed destinations. Those of an hour stay as long as the hour. Writes
 * nothing when there are none.
 */
export function forgetRemovedDestinations(db: Database): D1PreparedStatement {
  return db.prepare(forgetRemovedSql);
}

const countsRow = z.object({ counts: json(z.record(z.string(), z.number())) });

export const allTimeSql = `SELECT counts FROM counters WHERE hour = ${ALL_TIME}`;

/** A statement; its row is for `readCounts`. */
export function allTimeCounts(db: Database): D1PreparedStatement {
  return db.prepare(allTimeSql);
}

export const byHourSql = "SELECT hour, counts FROM counters WHERE hour >= ?1 ORDER BY hour";

/** A statement for the hours that end after an instant; its rows are for `readCountsOfHour` and `readCounts`. */
export function countsByHour(db: Database, since: number): D1PreparedStatement {
  return db.prepare(byHourSql).bind(Math.max(1, hourOf(since)));
}

const hourRow = countsRow.extend({ hour: z.number() });

export function readCountsOfHour(row: unknown): {
  /** Unix milliseconds. */
  readonly startsAt: number;
  readonly counts: Counts;
} {
  const { hour, counts } = hourRow.parse(row);
  return { startsAt: hour * MS_PER_HOUR, counts };
}

/** The sum of some rows. */
export function readCounts(rows: readonly unknown[]): Counts {
  const sum: Record<string, number> = {};
  for (const { counts } of z.array(countsRow).parse(rows)) {
    for (const [series, count] of Object.entries(counts)) sum[series] = (sum[series] ?? 0) + count;
  }
  return sum;
}
