import { z } from "zod";
import { writeAll } from "./batch.ts";
import { type Database, write } from "./database.ts";

const keyRow = z.object({
  request: z.string(),
  /** Of the first try. */
  createdAt: z.number(),
  /** Of the latest try. */
  claim: z.string(),
  leasedUntil: z.number(),
  /** Of the answer; null while there is none. */
  status: z.number().nullable(),
  /** Encrypted: the answer or, while there is none, the seed of the tries. */
  content: z.string(),
});

/** What is kept under a key. Times are Unix milliseconds. */
type IdempotencyKey = z.output<typeof keyRow>;

/**
 * A key that is too old can be used again. After a try that was cut short, the next one of the same request continues with
 * the seed and the time of the first.
 */
export const claimKeySql = `
  INSERT INTO idempotency_keys (id, request, created_at, claim, leased_until, content) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
  ON CONFLICT (id) DO UPDATE SET
    request = excluded.request, claim = excluded.claim, leased_until = excluded.leased_until, status = NULL,
    created_at = iif(created_at <= ?7, excluded.created_at, created_at),
    content = iif(created_at <= ?7, excluded.content, content)
  WHERE created_at <= ?7
    OR (status IS NULL AND request = excluded.request AND (leased_until <= ?3 OR claim = excluded.claim))`;

export const findKeySql = `
  SELECT request, created_at AS createdAt, claim, leased_until AS leasedUntil, status, content FROM idempotency_keys
  WHERE id = ?1`;

/** Claims a key for a try, unless another try holds it or it has its answer. Returns what is kept under it afterwards. */
export async function claimKey(
  db: Database,
  id: string,
  { request, createdAt, claim, leasedUntil, content }: Omit<IdempotencyKey, "status">,
  expiredBefore: number,
): Promise<IdempotencyKey> {
  const { found } = await writeAll(db, {
    claimed: db.prepare(claimKeySql).bind(id, request, createdAt, claim, leasedUntil, content, expiredBefore),
    found: db.prepare(findKeySql).bind(id),
  });
  return keyRow.parse(found.rows[0]);
}

export const keepAnswerSql = "UPDATE idempotency_keys SET status = ?3, content = ?4 WHERE id = ?1 AND claim = ?2";

export async function keepAnswer(
  db: Database,
  id: string,
  claim: string,
  { status, content }: { readonly status: number; readonly content: string },
): Promise<void> {
  await write(db, db.prepare(keepAnswerSql).bind(id, claim, status, content));
}

export const freeKeySql = "DELETE FROM idempotency_keys WHERE id = ?1 AND claim = ?2";

/** For a request that was refused: nothing was made. */
export async function freeKey(db: Database, id: string, claim: string): Promise<void> {
  await write(db, db.prepare(freeKeySql).bind(id, claim));
}

export const endLeaseSql = "UPDATE idempotency_keys SET leased_until = 0 WHERE id = ?1 AND claim = ?2";

/** For a try that failed halfway: the next one may continue at once. */
export async function endLease(db: Database, id: string, claim: string): Promise<void> {
  await write(db, db.prepare(endLeaseSql).bind(id, claim));
}
