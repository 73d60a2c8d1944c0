import { z } from "zod";
import { retried } from "./retried.ts";

/** Of the ids of records. */
export const AUDIT_PREFIX = "aud";

/** What an operator did. `before` and `after` are JSON. */
export interface AuditRecord {
  /** Sorts by time, and holds it. */
  readonly id: string;
  /** Name of the token. */
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

export async function beginRecord(db: D1Database, record: Omit<AuditRecord, "outcome" | "after">): Promise<void> {
  const { id, token, action, subject, before } = record;
  await retried(() => db.prepare(beginSql).bind(id, token, action, subject, before).run());
}

export const endSql = "UPDATE audit SET outcome = ?2, after = ?3 WHERE id = ?1";

export async function endRecord(
  db: D1Database,
  id: string,
  { outcome, after }: Pick<AuditRecord, "outcome" | "after">,
): Promise<void> {
  await retried(() => db.prepare(endSql).bind(id, outcome, after).run());
}

export const dropRecordSql = "DELETE FROM audit WHERE id = ?1";

/** Of what turned out to change nothing. */
export async function dropRecord(db: D1Database, id: string): Promise<void> {
  await retried(() => db.prepare(dropRecordSql).bind(id).run());
}

export const listAuditSql = `
  SELECT * FROM audit WHERE id >= ?1 AND id < ?2 AND (?3 IS NULL OR subject = ?3) ORDER BY id DESC LIMIT ?4`;

const auditRow = z.object({
  id: z.string(),
  token: z.string(),
  action: z.string(),
  subject: z.string(),
  outcome: z.enum(["begun", "done", "failed"]),
  before: z.string().nullable(),
  after: z.string().nullable(),
}) satisfies z.ZodType<AuditRecord>;

/** Records from one id, inclusive, to another, exclusive; newest first. */
export async function listAudit(
  db: D1Database,
  { from, to, subject, limit }: { from: string; to: string; subject: string | undefined; limit: number },
): Promise<AuditRecord[]> {
  const { results } = await db
    .prepare(listAuditSql)
    .bind(from, to, subject ?? null, limit)
    .all();
  return z.array(auditRow).parse(results);
}
