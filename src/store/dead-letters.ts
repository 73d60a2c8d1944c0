import { z } from "zod";
import { retried } from "./retried.ts";

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
  VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO NOTHING`;

/** Keeps a message, given as JSON, once; `secure` joins the same transaction. Rows written: 2. */
export async function keepDeadLetter(
  db: D1Database,
  { id, kind, eventId, destinationId, receivedAt }: Omit<DeadLetter, "replayedAt">,
  message: string,
  secure: readonly D1PreparedStatement[],
): Promise<void> {
  const statement = db.prepare(keepDeadLetterSql).bind(id, kind, eventId, destinationId, receivedAt, message);
  await retried(() => db.batch([statement, ...secure]));
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

export const listDeadLettersSql = `
  SELECT id, kind, event_id, destination_id, received_at, replayed_at FROM dead_letters
  WHERE (received_at, id) < (?1, ?2)
  ORDER BY received_at DESC, id DESC LIMIT ?3`;

/** Newest first; `before` is the last one already shown. */
export async function listDeadLetters(
  db: D1Database,
  before: { readonly receivedAt: number; readonly id: string } | undefined,
  limit: number,
): Promise<DeadLetter[]> {
  const { receivedAt, id } = before ?? { receivedAt: Number.MAX_SAFE_INTEGER, id: "" };
  const { results } = await db.prepare(listDeadLettersSql).bind(receivedAt, id, limit).all();
  return results.map((row) => deadLetterRow.parse(row));
}

export const deadMessageSql = "SELECT message FROM dead_letters WHERE id = ?1";

/** The message of a dead letter, as JSON; null when there is no such one. */
export async function findDeadMessage(db: D1Database, id: string): Promise<string | null> {
  const row = await db.prepare(deadMessageSql).bind(id).first();
  return row === null ? null : z.object({ message: z.string() }).parse(row).message;
}

export const markReplayedSql = "UPDATE dead_letters SET replayed_at = ?2 WHERE id = ?1";

export async function markReplayed(db: D1Database, id: string, now: number): Promise<void> {
  await retried(() => db.prepare(markReplayedSql).bind(id, now).run());
}

export const dropDeadLetterSql = "DELETE FROM dead_letters WHERE id = ?1";

/** Returns whether it was there. */
export async function dropDeadLetter(db: D1Database, id: string): Promise<boolean> {
  const { meta } = await db.prepare(dropDeadLetterSql).bind(id).run();
  return meta.changes > 0;
}
