import { retried } from "./retried.ts";

/**
 * `cron_ran_at`: when. `swept_until`: events received before it have all been fanned out. `oldest_unfinished_at`: receipt of the
 * oldest event that has not, or of the run when there is none. Unix milliseconds.
 */
export type MarkName = "cron_ran_at" | "swept_until" | "oldest_unfinished_at";

export const readMarkSql = "SELECT value FROM marks WHERE name = ?1";

export async function readMark(db: D1Database, name: MarkName): Promise<number | null> {
  return db.prepare(readMarkSql).bind(name).first<number>("value");
}

export const readMarksSql = "SELECT name, value FROM marks";

export async function readMarks(db: D1Database): Promise<Map<MarkName, number>> {
  const { results } = await db.prepare(readMarksSql).all<{ name: MarkName; value: number }>();
  return new Map(results.map(({ name, value }) => [name, value]));
}

export const writeMarkSql =
  "INSERT INTO marks (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";

export async function writeMark(db: D1Database, name: MarkName, value: number): Promise<void> {
  await retried(() => db.prepare(writeMarkSql).bind(name, value).run());
}
