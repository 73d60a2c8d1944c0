import { z } from "zod";
import type { Database } from "./database.ts";
import { withFoundSql } from "./each-key.ts";
import { edgeOfWindowSql, readPosition, windowOf, windowSql } from "./event-order.ts";
import { isOperationalSql } from "./operational-events.ts";
import { reader, rowsOf } from "./rows.ts";

const profileSql = (organization: string) => `
  SELECT body FROM events WHERE seq = (
    SELECT event_seq FROM resources
    WHERE organization_id = ${organization} AND type = 'v1/organizations'
    ORDER BY version DESC LIMIT 1)`;

const lastEventSql = (organization: string) => `
  SELECT received_at FROM events WHERE seq = (
    SELECT max(event_seq) FROM resources WHERE organization_id = ${organization})`;

/** The organizations whose ids sort after ?1, ?2 at most, each with what is asked of it. */
const ofEachOrganization = (columns: string) => `
  ${withFoundSql("organization_id", "resources", { after: "?1", most: "?2" })}
  SELECT id AS organizationId, ${columns} FROM found WHERE id IS NOT NULL`;

/** Reads all resources of each. */
export const organizationsSql = ofEachOrganization(
  `(${profileSql("found.id")}) AS profileBody, (${lastEventSql("found.id")}) AS lastEventAt`,
);

const organizationRow = z.object({
  organizationId: z.string(),
  /** Body of the latest event of `v1/organizations`; null before the first. */
  profileBody: z.string().nullable(),
  /** Of the latest event that changed the state, Unix milliseconds. */
  lastEventAt: z.number(),
});

export type OrganizationRow = z.output<typeof organizationRow>;

/** In the order of their ids; `after` is the last one already shown. */
export async function listOrganizations(db: Database, after: string, limit: number): Promise<OrganizationRow[]> {
  return rowsOf(organizationRow, await db.prepare(organizationsSql).bind(after, limit).all());
}

export const profileOfSql = profileSql("?1");

export const countsSql = `
  SELECT counted.type, resources, events.received_at AS lastEventAt
  FROM (
    SELECT type, count(*) AS resources, max(event_seq) AS last_seq FROM resources WHERE organization_id = ?1 GROUP BY type
  ) AS counted CROSS JOIN events ON events.seq = last_seq`;

export const completeUntilSql =
  "SELECT max(reconciled_until) AS completeUntil FROM connections WHERE organization_id = ?1";

const completeUntilRow = z.object({ completeUntil: z.number().nullable() });

/** A statement: until when the state of an organization is known to equal the bank's; its row is for `readCompleteUntil`. */
export function completeUntil(db: Database, organizationId: string): D1PreparedStatement {
  return db.prepare(completeUntilSql).bind(organizationId);
}

/** Unix milliseconds; null: it is not connected to Qonto, or not filled yet. */
export function readCompleteUntil(result: D1Result | undefined): number | null {
  return completeUntilRow.parse(result?.results[0]).completeUntil;
}

const typeRow = z.object({ type: z.string(), resources: z.number(), lastEventAt: z.number() });

interface OrganizationDetail extends OrganizationRow {
  /** Resources by type, tombstones included. */
  readonly counts: Readonly<Record<string, number>>;
  /** Unix milliseconds; null: unknown. */
  readonly completeUntil: number | null;
}

/** Null for an organization without resources. */
export async function findOrganization(db: Database, organizationId: string): Promise<OrganizationDetail | null> {
  const [profiles, counts, complete] = await db.batch([
    db.prepare(profileOfSql).bind(organizationId),
    db.prepare(countsSql).bind(organizationId),
    completeUntil(db, organizationId),
  ]);
  const rows = rowsOf(typeRow, counts);
  if (rows.length === 0) return null;
  const [profile] = rowsOf(z.object({ body: z.string() }), profiles);
  return {
    organizationId,
    profileBody: profile?.body ?? null,
    lastEventAt: Math.max(...rows.map((row) => row.lastEventAt)),
    counts: Object.fromEntries(rows.map((row) => [row.type, row.resources])),
    completeUntil: readCompleteUntil(complete),
  };
}

/*
 * The API reads all resources of an organization to count and compare them. A page may not be slower the more there are, so it
 * looks at the first few.
 */

const MOST_COMPARED = 200;
const MOST_PROFILES = 20;
const MOST_BYTES = 65_536;

const profileAmongFirstSql = (organization: string, column: string) => `
  SELECT ${column} FROM (
    SELECT version, version_at, event_seq FROM resources
    WHERE organization_id = ${organization} AND type = 'v1/organizations' LIMIT ${MOST_PROFILES}
  ) ORDER BY version DESC LIMIT 1`;

const summaryColumns = (organization: string) => `
  (SELECT body FROM events WHERE seq = (${profileAmongFirstSql(organization, "event_seq")})
    AND octet_length(body) <= ${MOST_BYTES}) AS profileBody,
  (${profileAmongFirstSql(organization, "version_at")}) AS profileAt,
  (SELECT received_at FROM events WHERE seq = (
    SELECT iif(count(*) < ${MOST_COMPARED}, max(event_seq), NULL) FROM (
      SELECT event_seq FROM resources WHERE organization_id = ${organization} LIMIT ${MOST_COMPARED}
    ))) AS lastEventAt`;

export const summariesSql = ofEachOrganization(summaryColumns("found.id"));

export const summarySql = `
  SELECT ?1 AS organizationId, ${summaryColumns("?1")}
  WHERE EXISTS (SELECT 1 FROM resources WHERE organization_id = ?1)`;

const summaryRow = z.object({
  organizationId: z.string(),
  /** Body of the latest event of `v1/organizations`; null before the first, or when it is larger than a page. */
  profileBody: z.string().nullable(),
  /** ISO 8601. */
  profileAt: z.string().nullable(),
  /** Of the latest event that changed the state, Unix milliseconds; null when there are more than are compared. */
  lastEventAt: z.number().nullable(),
});

export type OrganizationSummary = z.output<typeof summaryRow>;

/** In the order of their ids; `after` is the last one already shown. */
export async function listSummaries(db: Database, after: string, limit: number): Promise<OrganizationSummary[]> {
  return rowsOf(summaryRow, await db.prepare(summariesSql).bind(after, limit).all());
}

/** Null for an organization without resources. */
export async function summaryAt(db: Database, organizationId: string): Promise<OrganizationSummary | null> {
  return summaryRow.nullable().parse(await db.prepare(summarySql).bind(organizationId).first());
}

/** The newest events among which the latest of each organization is looked for. */
const RECEIPTS_AMONG = 5_000;

export const latestReceiptsSql = `
  SELECT organization_id AS organizationId, max(received_at) AS receivedAt FROM events
  WHERE ${windowSql(RECEIPTS_AMONG)} AND organization_id IN (SELECT value FROM json_each(?4))
    AND NOT ${isOperationalSql("events.id")}
  GROUP BY organization_id`;

export const edgeOfReceiptsSql = edgeOfWindowSql(RECEIPTS_AMONG);

const receiptRow = z.object({ organizationId: z.string(), receivedAt: z.number() });

/** When the latest event of each organization came, if it is one of the newest events; else it came before `since`. */
export async function latestReceipts(
  db: Database,
  organizationIds: readonly string[],
): Promise<{ readonly at: ReadonlyMap<string, number>; readonly since: number }> {
  const all = windowOf({});
  const [receipts, edge] = await db.batch([
    db.prepare(latestReceiptsSql).bind(...all, JSON.stringify(organizationIds)),
    db.prepare(edgeOfReceiptsSql).bind(...all),
  ]);
  const rows = rowsOf(receiptRow, receipts);
  return {
    at: new Map(rows.map((row) => [row.organizationId, row.receivedAt])),
    since: readPosition(edge?.results[0])?.receivedAt ?? 0,
  };
}

/** Types that a page lists at most. Qonto's catalogue has 17. */
export const MOST_TYPES = 60;

/** Counts a little way into each type. */
export const countsUpToSql = `
  ${withFoundSql("type", "resources", { where: "organization_id = ?1", most: MOST_TYPES })}
  SELECT id AS type, (
    SELECT count(*) FROM (SELECT 1 FROM resources WHERE organization_id = ?1 AND type = found.id LIMIT ?2)) AS resources
  FROM found WHERE id IS NOT NULL`;

/** A statement that counts an organization's resources by type, each `upTo` at most; its rows are for `readCount`. */
export function countUpTo(db: Database, organizationId: string, upTo: number): D1PreparedStatement {
  return db.prepare(countsUpToSql).bind(organizationId, upTo);
}

export const readCount = reader({ type: z.string(), resources: z.number() });
