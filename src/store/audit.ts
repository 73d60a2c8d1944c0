import { z } from "zod";
import { pageOf } from "../platform/page.ts";
import { type Database, write } from "./database.ts";

/** Begins the ids of records. */
export const AUDIT_PREFIX = "aud";

const auditRow = z.object({
  /** Sorts by time, and holds it. */
  id: z.string(),
  /** Name of the token, or the e-mail address of whom Cloudflare Access let in. */
  token: z.string(),
  action: z.string(),
  /** Id of what was changed. */
  subject: z.string(),
  outcome: z.enum(["begun", "done", "failed"]),
  /** JSON, as is `after`. */
  before: z.string().nullable(),
  after: z.string().nullable(),
});

/** What an operator did. */
export type AuditRecord = z.output<typeof auditRow>;

export const beginSql = `
  INSERT INTO audit (id, token, action, subject, outcome, before) VALUES (?1, ?2, ?3, ?4, 'begun', ?5)
  ON CONFLICT (id) DO NOTHING`;

export async function beginRecord(db: Database, record: Omit<AuditRecord, "outcome" | "after">): Promise<void> {
  const { id, token, action, subject, before } = record;
  await write(db, db.prepare(beginSql).bind(id, token, action, subject, before));
}

export const endSql = "UPDATE audit SET outcome = ?2, after = ?3, subject = coalesce(?4, subject) WHERE id = ?1";

interface End extends Pick<AuditRecord, "outcome" | "after"> {
  /** Replaces the one with which the record began. */
  readonly subject?: string | undefined;
}

export async function endRecord(db: Database, id: string, { outcome, after, subject }: End): Promise<void> {
  await write(db, db.prepare(endSql).bind(id, outcome, after, subject ?? null));
}

export const dropRecordSql = "DELETE FROM audit WHERE id = ?1";

/** For an action that changed nothing. */
export async function dropRecord(db: Database, id: string): Promise<void> {
  await write(db, db.prepare(dropRecordSql).bind(id));
}

/** Records that one page looks at: a row written costs a thousand times a row read, so no filter has an index. */
const MOST_LOOKED_AT = 2_000;

const windowSql = "FROM audit WHERE id >= ?1 AND id < ?2 ORDER BY id DESC";

export const listAuditSql = `
  SELECT * FROM (SELECT * ${windowSql} LIMIT ${MOST_LOOKED_AT}) AS looked_at
  WHERE (?3 IS NULL OR subject = ?3) AND (?4 IS NULL OR token = ?4) AND (?5 IS NULL OR action = ?5)
  ORDER BY id DESC LIMIT ?6`;

export const lastRecordLookedAtSql = `SELECT id ${windowSql} LIMIT 1 OFFSET ${MOST_LOOKED_AT - 1}`;

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

/** Newest first. `next` is the `to` of the next page. */
export async function listAudit(
  db: Database,
  { from, to, subject, token, action, limit }: AuditQuery,
): Promise<{ records: AuditRecord[]; next: string | null }> {
  const [found, edge] = await db.batch([
    db.prepare(listAuditSql).bind(from, to, subject ?? null, token ?? null, action ?? null, limit + 1),
    db.prepare(lastRecordLookedAtSql).bind(from, to),
  ]);
  const { rows, next } = pageOf<unknown>(found?.results ?? [], limit, edge?.results[0]);
  return {
    records: z.array(auditRow).parse(rows),
    next: z.object({ id: z.string() }).nullable().parse(next)?.id ?? null,
  };
}
