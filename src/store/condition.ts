import { z } from "zod";
import { type MarkName, readMarksFrom, readMarksSql } from "./marks.ts";

/** How the relay fares, as far as D1 knows. Times are Unix milliseconds. */
export interface Condition {
  readonly marks: ReadonlyMap<MarkName, number>;
  /** When the longest due delivery of all was due to a destination neither paused, resting nor paced; null: none waits. */
  readonly oldestDueAt: number | null;
  /** Since when each resting destination rests, the longest first. */
  readonly resting: readonly { readonly destinationId: string; readonly since: number }[];
  /** Messages that the queues gave up on of late. */
  readonly recentDeadLetters: number;
}

export const oldestDueSql = `
  SELECT min((
    SELECT min(next_attempt_at) FROM deliveries WHERE destination_id = destinations.id AND status = 'pending'
  )) AS due_at
  FROM destinations WHERE enabled = 1 AND resting_since IS NULL AND max_per_second IS NULL`;

export const restingSinceSql = `
  SELECT id, resting_since FROM destinations WHERE enabled = 1 AND resting_since IS NOT NULL ORDER BY resting_since`;

/** Bounded, for anybody may ask. */
export const recentDeadLettersSql = `
  SELECT count(*) AS messages FROM (SELECT 1 FROM dead_letters WHERE received_at >= ?1 LIMIT 1000)`;

const dueRow = z.object({ due_at: z.number().nullable() });
const restingRow = z.object({ id: z.string(), resting_since: z.number() });
const countRow = z.object({ messages: z.number() });

/** One D1 call; reads a row or two for each destination. */
export async function readCondition(db: D1Database, deadLettersSince: number): Promise<Condition> {
  const [marks, due, resting, deadLetters] = await db.batch([
    db.prepare(readMarksSql),
    db.prepare(oldestDueSql),
    db.prepare(restingSinceSql),
    db.prepare(recentDeadLettersSql).bind(deadLettersSince),
  ]);
  return {
    marks: readMarksFrom(marks?.results ?? []),
    oldestDueAt: dueRow.parse(due?.results[0]).due_at,
    resting: z
      .array(restingRow)
      .parse(resting?.results)
      .map((row) => ({ destinationId: row.id, since: row.resting_since })),
    recentDeadLetters: countRow.parse(deadLetters?.results[0]).messages,
  };
}
