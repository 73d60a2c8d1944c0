import { z } from "zod";
import type { Database } from "./database.ts";
import { edgeOfWindowSql, readPosition, windowOf, windowSql } from "./event-list.ts";
import { ofEachOrganization } from "./organizations.ts";

/**
 * What a page shows of organizations. The API counts and compares all resources of one, and reads them all for that; a
 * page may not be the slower the more there are, and so looks at the first few.
 */
export interface OrganizationSummary {
  readonly organizationId: string;
  /** Body of the latest event of `v1/organizations`; null before the first, or when it is larger than a page. */
  readonly profileBody: string | null;
  /** ISO 8601. */
  readonly profileAt: string | null;
  /** Of the latest event that changed the state, Unix milliseconds; null when there is more than can be looked at. */
  readonly lastEventAt: number | null;
}

const MOST_COMPARED = 200;
const MOST_PROFILES = 20;
const MOST_BYTES = 65_536;

const summaryColumns = (organization: string) => `
  (SELECT body FROM events WHERE seq = (${profileOf(organization, "event_seq")})
    AND octet_length(body) <= ${MOST_BYTES}) AS profile_body,
  (${profileOf(organization, "version_at")}) AS profile_at,
  (SELECT received_at FROM events WHERE seq = (
    SELECT iif(count(*) < ${MOST_COMPARED}, max(event_seq), NULL) FROM (
      SELECT event_seq FROM resources WHERE organization_id = ${organization} LIMIT ${MOST_COMPARED}
    ))) AS last_event_at`;

function profileOf(organization: string, column: string): string {
  return `
    SELECT ${column} FROM (
      SELECT version, version_at, event_seq FROM resources
      WHERE organization_id = ${organization} AND type = 'v1/organizations' LIMIT ${MOST_PROFILES}
    ) ORDER BY version DESC LIMIT 1`;
}

export const summariesSql = ofEachOrganization(summaryColumns("found.id"));

export const summarySql = `
  SELECT ?1 AS id, ${summaryColumns("?1")}
  WHERE EXISTS (SELECT 1 FROM resources WHERE organization_id = ?1)`;

const summaryRow = z
  .object({
    id: z.string(),
    profile_body: z.string().nullable(),
    profile_at: z.string().nullable(),
    last_event_at: z.number().nullable(),
  })
  .transform((row): OrganizationSummary => ({
    organizationId: row.id,
    profileBody: row.profile_body,
    profileAt: row.profile_at,
    lastEventAt: row.last_event_at,
  }));

/** In the order of their ids; `after` is the last one already shown. */
export async function listSummaries(db: Database, after: string, limit: number): Promise<OrganizationSummary[]> {
  const { results } = await db.prepare(summariesSql).bind(after, limit).all();
  return results.map((row) => summaryRow.parse(row));
}

/** Null for an organization of which nothing is known. */
export async function summaryAt(db: Database, organizationId: string): Promise<OrganizationSummary | null> {
  const row = await db.prepare(summarySql).bind(organizationId).first();
  return row === null ? null : summaryRow.parse(row);
}

/** The newest events that are looked at. */
const RECEIPTS_AMONG = 5_000;

export const latestReceiptsSql = `
  SELECT organization_id, max(received_at) AS received_at FROM events
  WHERE ${windowSql(RECEIPTS_AMONG)} AND organization_id IN (SELECT value FROM json_each(?4)) GROUP BY organization_id`;

export const edgeOfReceiptsSql = edgeOfWindowSql(RECEIPTS_AMONG);

const receiptRow = z.object({ organization_id: z.string(), received_at: z.number() });

/** When an event of each organization came last, of those that are among the newest events; others came before `since`. */
export async function latestReceipts(
  db: Database,
  organizationIds: readonly string[],
): Promise<{ readonly at: ReadonlyMap<string, number>; readonly since: number }> {
  const all = windowOf({});
  const [receipts, edge] = await db.batch([
    db.prepare(latestReceiptsSql).bind(...all, JSON.stringify(organizationIds)),
    db.prepare(edgeOfReceiptsSql).bind(...all),
  ]);
  const rows = (receipts?.results ?? []).map((row) => receiptRow.parse(row));
  return {
    at: new Map(rows.map((row) => [row.organization_id, row.received_at])),
    since: readPosition(edge?.results[0])?.receivedAt ?? 0,
  };
}

/** Types that a page lists at most. Qonto's catalogue has 17. */
export const MOST_TYPES = 60;

/** Jumps along the key from one type to the next, and counts a little way into each. */
export const countsUpToSql = `
  WITH RECURSIVE types (type, place) AS (
    SELECT (SELECT min(type) FROM resources WHERE organization_id = ?1), 1
    UNION ALL
    SELECT (SELECT min(type) FROM resources WHERE organization_id = ?1 AND type > types.type), place + 1
    FROM types WHERE types.type IS NOT NULL AND place < ${MOST_TYPES}
  )
  SELECT type, (
    SELECT count(*) FROM (
      SELECT 1 FROM resources WHERE organization_id = ?1 AND resources.type = types.type LIMIT ?2
    )) AS resources
  FROM types WHERE type IS NOT NULL`;

const countRow = z.object({ type: z.string(), resources: z.number() });

/** A statement that counts an organization's resources by type, each `upTo` at most; its rows are for `readCount`. */
export function countUpTo(db: Database, organizationId: string, upTo: number): D1PreparedStatement {
  return db.prepare(countsUpToSql).bind(organizationId, upTo);
}

export function readCount(row: unknown) {
  return countRow.parse(row);
}
