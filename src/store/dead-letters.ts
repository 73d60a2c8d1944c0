import { z } from "zod";
import { pageOf } from "../platform/page.ts";
import { writeAll } from "./batch.ts";
import { type Database, write } from "./database.ts";
import { isUndispatchedSql } from "./event-progress.ts";

const columns = `dead_letters.id, kind, event_id AS eventId, destination_id AS destinationId,
  dead_letters.received_at AS receivedAt, replayed_at AS replayedAt`;

const deadLetterRow = z.object({
  /** Of the queue message. */
  id: z.string(),
  /** Of the message; `unknown` when nothing could be read. */
  kind: z.string(),
  eventId: z.string().nullable(),
  destinationId: z.string().nullable(),
  /** By the dead-letter consumer, Unix milliseconds. */
  receivedAt: z.number(),
  /** Unix milliseconds; null when it was not. */
  replayedAt: z.number().nullable(),
});

/** A message that has used up its tries in its queue. */
export type DeadLetter = z.output<typeof deadLetterRow>;

export const keepDeadLetterSql = `
  INSERT INTO dead_letters (id, kind, event_id, destination_id, received_at, message)
  SELECT ?1, ?2, ?3, ?4, ?5, ?6
  WHERE NOT EXISTS (SELECT 1 FROM events WHERE events.id = ?3 AND NOT ${isUndispatchedSql})
  ON CONFLICT (id) DO NOTHING`;

/**
 * Keeps a message, given as JSON, once. Returns false for one about an event that is finished: other events in the message
 * were not. `also` joins the same transaction. Rows written: 2.
 */
export async function keepDeadLetter(
  db: Database,
  { id, kind, eventId, destinationId, receivedAt }: Omit<DeadLetter, "replayedAt">,
  message: string,
  also: readonly D1PreparedStatement[],
): Promise<boolean> {
  const statement = db.prepare(keepDeadLetterSql).bind(id, kind, eventId, destinationId, receivedAt, message);
  const { kept } = await writeAll(db, { kept: statement, also });
  return kept.changes > 0;
}

/** Dead letters that one page looks at: their time has an index, whether they were replayed has none. */
const MOST_LOOKED_AT = 1_000;

const windowSql = `
  SELECT id, received_at AS receivedAt FROM dead_letters WHERE (received_at, id) < (?1, ?2) ORDER BY received_at DESC, id DESC`;

export const listDeadLettersSql = `
  SELECT ${columns}
  FROM (${windowSql} LIMIT ${MOST_LOOKED_AT}) AS looked_at
  CROSS JOIN dead_letters ON dead_letters.id = looked_at.id
  WHERE ?3 IS NULL OR (replayed_at IS NULL) = ?3
  ORDER BY looked_at.receivedAt DESC, looked_at.id DESC LIMIT ?4`;

export const lastLetterLookedAtSql = `${windowSql} LIMIT 1 OFFSET ${MOST_LOOKED_AT - 1}`;

const positionRow = z.object({ receivedAt: z.number(), id: z.string() });

type LetterPosition = z.output<typeof positionRow>;

interface LetterQuery {
  /** Whether nobody has replayed them; undefined: all. */
  readonly isWaiting?: boolean | undefined;
  readonly before: LetterPosition | undefined;
  readonly limit: number;
}

/** Newest first. */
export async function listDeadLetters(
  db: Database,
  { isWaiting, before, limit }: LetterQuery,
): Promise<{ letters: DeadLetter[]; next: LetterPosition | null }> {
  const start = [before?.receivedAt ?? Number.MAX_SAFE_INTEGER, before?.id ?? ""];
  const [found, edge] = await db.batch([
    db.prepare(listDeadLettersSql).bind(...start, isWaiting === undefined ? null : Number(isWaiting), limit + 1),
    db.prepare(lastLetterLookedAtSql).bind(...start),
  ]);
  const { rows, next } = pageOf<unknown>(found?.results ?? [], limit, edge?.results[0]);
  return { letters: z.array(deadLetterRow).parse(rows), next: positionRow.nullable().parse(next) };
}

export const deadLetterSql = `SELECT ${columns}, message FROM dead_letters WHERE id = ?1`;

const letterWithMessage = deadLetterRow.extend({
  /** JSON. */
  message: z.string(),
});

/** Null when there is no such dead letter. */
export async function findDeadLetter(db: Database, id: string): Promise<z.output<typeof letterWithMessage> | null> {
  return letterWithMessage.nullable().parse(await db.prepare(deadLetterSql).bind(id).first());
}

export const markReplayedSql = "UPDATE dead_letters SET replayed_at = ?2 WHERE id = ?1";

export async function markReplayed(db: Database, id: string, now: number): Promise<void> {
  await write(db, db.prepare(markReplayedSql).bind(id, now));
}

export const dropDeadLetterSql = "DELETE FROM dead_letters WHERE id = ?1";

/** Returns whether it was there. */
export async function dropDeadLetter(db: Database, id: string): Promise<boolean> {
  const { meta } = await db.prepare(dropDeadLetterSql).bind(id).run();
  return meta.changes > 0;
}
