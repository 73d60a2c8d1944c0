import { z } from "zod";
import { type Database, retried } from "./database.ts";

/**
 * What the cron remembers. `cron_ran_at`: when it last ran. `oldest_unfinished_at`: receipt of the oldest event that has
 * not been fanned out, or of the run when there is none. `sweep_from`: where the next sweep begins. `sweep_goes_on`: 1 when
 * the last one was cut short. `retention_from`: where the next look for old events begins. `unopened_secrets`: of how many
 * destinations no key opens the secret. `probe_sent_at`: when the queues were last probed; `probed_…`: which probe came last
 * out of which queue, and when the receiver was probed. Times are Unix milliseconds.
 */
const names = [
  "cron_ran_at",
  "oldest_unfinished_at",
  "sweep_from",
  "sweep_goes_on",
  "retention_from",
  "unopened_secrets",
  "probe_sent_at",
  "probed_events",
  "probed_retries",
  "probed_dead_letters",
  "probed_receiver",
] as const;

export type MarkName = (typeof names)[number];

export const readMarksSql = "SELECT name, value FROM marks";

/** A statement; its rows are for `readMarksFrom`. */
export function allMarks(db: Database): D1PreparedStatement {
  return db.prepare(readMarksSql);
}

export async function readMarks(db: Database): Promise<Map<MarkName, number>> {
  const { results } = await allMarks(db).all();
  return readMarksFrom(results);
}

const markRow = z.object({ name: z.string(), value: z.number() });

/** Marks out of the rows of `readMarksSql`; those that only another version of the relay knows are left out. */
export function readMarksFrom(rows: readonly unknown[]): Map<MarkName, number> {
  const values = new Map(rows.map((row) => markRow.parse(row)).map(({ name, value }) => [name, value]));
  return new Map(
    names.flatMap((name) => {
      const value = values.get(name);
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

export const writeMarksSql = `
  INSERT INTO marks (name, value) SELECT key, value FROM json_each(?1) WHERE true
  ON CONFLICT (name) DO UPDATE SET value = excluded.value`;

export async function writeMarks(db: Database, marks: Partial<Record<MarkName, number>>): Promise<void> {
  await retried(db, () => db.prepare(writeMarksSql).bind(JSON.stringify(marks)).run());
}
