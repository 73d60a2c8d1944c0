import { z } from "zod";
import { type Database, retried } from "./database.ts";
import { unfinishedSql } from "./event-progress.ts";

/** A message that the queues gave up on. */
export interface DeadLetter {
  /** Of the queue message. */
  readonly id: string;
  /** Of the message; `unknown` when nothing could be read. */
  readonly kind: string;
  readonly eventId: string | null;
  readonly destinationId: string | null;
  /** By the dead-letter consumer, Unix milliseconds. */
  readonly receivedAt: number;
  /** Unix milliseconds; null while it waits. */
  readonly replayedAt: number | null;
}

export const keepDeadLetterSql = `
  INSERT INTO dead_letters (id, kind, event_id, destination_id, received_at, message)
  SELECT ?1, ?2, ?3, ?4, ?5, ?6
  WHERE NOT EXISTS (SELECT 1 FROM events WHERE events.id = ?3 AND NOT ${unfinishedSql})
  ON CONFLICT (id) DO NOTHING`;

/**
 * Keeps a message, given as JSON, once, but for one about an event that is finished: others in its message were not. Returns
 * whether it was; `secure` joins the same transaction. Rows written: 2.
 */
export async function keepDeadLetter(
  db: Database,
  { id, kind, eventId, destinationId, receivedAt }: Omit<DeadLetter, "replayedAt">,
  message: string,
  secure: readonly D1PreparedStatement[],
): Promise<boolean> {
  const statement = db.prepare(keepDeadLetterSql).bind(id, kind, eventId, destinationId, receivedAt, message);
  const [kept] = await retried(db, () => db.batch([statement, ...secure]));
  return (kept?.meta.changes ?? 0) > 0;
}

const deadLetterRow = z
  .object({
    id: z.string(),
    kind: z.string(),
    event_id: z.string().nullable(),
    destination_id: z.string().nullable(),
    received_at: z.number(),
    replayed_at: z.number().nullable(),
  })
  .transform((row): DeadLetter => ({
    id: row.id,
    kind: row.kind,
    eventId: row.event_id,
    destinationId: row.destination_id,
    receivedAt: row.received_at,
    replayedAt: row.replayed_at,
  }));

/** Letters that one page looks at: their time has an index, whether they wait has none. */
const MOST_LOOKED_AT = 1_000;

const windowSql = `
  SELECT id, received_at FROM dead_letters WHERE (received_at, id) < (?1, ?2) ORDER BY received_at DESC, id DESC`;

export const listDeadLettersSql = `
  SELECT dead_letters.id, kind, event_id, destination_id, dead_letters.received_at, replayed_at
  FROM (${windowSql} LIMIT ${MOST_LOOKED_AT}) AS looked_at
  CROSS JOIN dead_letters ON dead_letters.id = looked_at.id
  WHERE ?3 IS NULL OR (replayed_at IS NULL) = ?3
  ORDER BY looked_at.received_at DESC, looked_at.id DESC LIMIT ?4`;

export const lastLetterLookedAtSql = `${windowSql} LIMIT 1 OFFSET ${MOST_LOOKED_AT - 1}`;

interface LetterPosition {
  readonly receivedAt: number;
  readonly id: string;
}

const positionRow = z.object({ received_at: z.number(), id: z.string() });

interface LetterQuery {
  /** Whether they wait for somebody; undefined: all. */
  readonly isWaiting?: boolean | undefined;
  readonly before: LetterPosition | undefined;
  readonly limit: number;
}

/** Newest first. A page can hold fewer than `limit`, or none, and still have a `next`: then it has looked at its most. */
export async function listDeadLetters(
  db: Database,
  { isWaiting, before, limit }: LetterQuery,
): Promise<{ letters: DeadLetter[]; next: LetterPosition | null }> {
  const start = [before?.receivedAt ?? Number.MAX_SAFE_INTEGER, before?.id ?? ""];
  const wish = isWaiting === undefined ? null : Number(isWaiting);
  const [page, edge] = await db.batch([
    db.prepare(listDeadLettersSql).bind(...start, wish, limit + 1),
    db.prepare(lastLetterLookedAtSql).bind(...start),
  ]);
  const rows = (page?.results ?? []).map((row) => deadLetterRow.parse(row));
  const letters = rows.slice(0, limit);
  const last = letters.at(-1);
  if (rows.length > limit && last !== undefined) return { letters, next: { receivedAt: last.receivedAt, id: last.id } };
  const [lastLookedAt] = edge?.results ?? [];
  if (lastLookedAt === undefined) return { letters, next: null };
  const { received_at, id } = positionRow.parse(lastLookedAt);
  return { letters, next: { receivedAt: received_at, id } };
}

export const deadLetterSql = "SELECT * FROM dead_letters WHERE id = ?1";

/** One with its message, as JSON; null when there is no such one. */
export async function findDeadLetter(db: Database, id: string): Promise<(DeadLetter & { message: string }) | null> {
  const row = await db.prepare(deadLetterSql).bind(id).first();
  if (row === null) return null;
  return { ...deadLetterRow.parse(row), message: z.object({ message: z.string() }).parse(row).message };
}

export const deadMessageSql = "SELECT message FROM dead_letters WHERE id = ?1";

/** The message of a dead letter, as JSON; null when there is no such one. */
export async function findDeadMessage(db: Database, id: string): Promise<string | null> {
  const row = await db.prepare(deadMessageSql).bind(id).first();
  return row === null ? null : z.object({ message: z.string() }).parse(row).message;
}

export const markReplayedSql = "UPDATE dead_letters SET replayed_at = ?2 WHERE id = ?1";

export async function markReplayed(db: Database, id: string, now: number): Promise<void> {
  await retried(db, () => db.prepare(markReplayedSql).bind(id, now).run());
}

export const dropDeadLetterSql = "DELETE FROM dead_letters WHERE id = ?1";

/** Returns whether it was there. */
export async function dropDeadLetter(db: Database, id: string): Promise<boolean> {
  const { meta } = await db.prepare(dropDeadLetterSql).bind(id).run();
  return meta.changes > 0;
}
