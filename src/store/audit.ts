import { z } from "zod";
import { type Database, retried } from "./database.ts";

/** Of the ids of records. */
export const AUDIT_PREFIX = "aud";

/** What an operator did. `before` and `after` are JSON. */
export interface AuditRecord {
  /** Sorts by time, and holds it. */
  readonly id: string;
  /** Name of the token, or the e-mail address of whom Cloudflare Access let in. */
  readonly token: string;
  readonly action: string;
  /** Id of what was changed. */
  readonly subject: string;
  readonly outcome: "begun" | "done" | "failed";
  readonly before: string | null;
  readonly after: string | null;
}

export const beginSql = `
  INSERT INTO audit (id, token, action, subject, outcome, before) VALUES (?1, ?2, ?3, ?4, 'begun', ?5)
  ON CONFLICT (id) DO NOTHING`;

export async function beginRecord(db: Database, record: Omit<AuditRecord, "outcome" | "after">): Promise<void> {
  const { id, token, action, subject, before } = record;
  await retried(db, () => db.prepare(beginSql).bind(id, token, action, subject, before).run());
}

export const endSql = "UPDATE audit SET outcome = ?2, after = ?3 WHERE id = ?1";

export async function endRecord(
  db: Database,
  id: string,
  { outcome, after }: Pick<AuditRecord, "outcome" | "after">,
): Promise<void> {
  await retried(db, () => db.prepare(endSql).bind(id, outcome, after).run());
}

export const dropRecordSql = "DELETE FROM audit WHERE id = ?1";

/** Of what turned out to change nothing. */
export async function dropRecord(db: Database, id: string): Promise<void> {
  await retried(db, () => db.prepare(dropRecordSql).bind(id).run());
}

/** Records that one page looks at: a row written costs a thousand times a row read, so no filter has an index. */
const MOST_LOOKED_AT = 2_000;

const windowSql = "SELECT * FROM audit WHERE id >= ?1 AND id < ?2 ORDER BY id DESC";

export const listAuditSql = `
  SELECT * FROM (${windowSql} LIMIT ${MOST_LOOKED_AT}) AS looked_at
  WHERE (?3 IS NULL OR subject = ?3) AND (?4 IS NULL OR token = ?4) AND (?5 IS NULL OR action = ?5)
  ORDER BY id DESC LIMIT ?6`;

export const lastRecordLookedAtSql = `
  SELECT id FROM audit WHERE id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT 1 OFFSET ${MOST_LOOKED_AT - 1}`;

const auditRow = z.object({
  id: z.string(),
  token: z.string(),
  action: z.string(),
  subject: z.string(),
  outcome: z.enum(["begun", "done", "failed"]),
  before: z.string().nullable(),
  after: z.string().nullable(),
}) satisfies z.ZodType<AuditRecord>;

interface AuditQuery {
  /** The first id, inclusive. */
  readonly from: string;
  /** The last one, exclusive. */
  readonly to: string;
  readonly subject?: string | undefined;
  readonly token?: string | undefined;
  readonly action?: string | undefined;
  readonly limit: number;
}

/**
 * Newest first; `next` is where the next page ends. A page can hold fewer records than `limit`, or none, and still have a
 * `next`: then it has looked at its most.
 */
export async function listAudit(
  db: Database,
  { from, to, subject, token, action, limit }: AuditQuery,
): Promise<{ records: AuditRecord[]; next: string | null }> {
  const [page, edge] = await db.batch([
    db.prepare(listAuditSql).bind(from, to, subject ?? null, token ?? null, action ?? null, limit + 1),
    db.prepare(lastRecordLookedAtSql).bind(from, to),
  ]);
  const rows = z.array(auditRow).parse(page?.results ?? []);
  const records = rows.slice(0, limit);
  const last = records.at(-1);
  if (rows.length > limit && last !== undefined) return { records, next: last.id };
  const [lastLookedAt] = z.array(z.object({ id: z.string() })).parse(edge?.results ?? []);
  return { records, next: lastLookedAt?.id ?? null };
}
