import { z } from "zod";
import type { Database } from "./database.ts";

/** What is known of an organization at a summary. */
export interface OrganizationRow {
  readonly organizationId: string;
  /** Body of the latest event of `v1/organizations`; null before the first. */
  readonly profileBody: string | null;
  /** Of the latest event that changed the state, Unix milliseconds. */
  readonly lastEventAt: number;
}

const profileSql = `
  SELECT body FROM events WHERE seq = (
    SELECT event_seq FROM resources
    WHERE organization_id = ORGANIZATION AND type = 'v1/organizations'
    ORDER BY version DESC LIMIT 1)`;

const lastEventSql = `
  SELECT received_at FROM events WHERE seq = (
    SELECT max(event_seq) FROM resources WHERE organization_id = ORGANIZATION)`;

const ofFound = (sql: string) => sql.replaceAll("ORGANIZATION", "found.id");

/** Jumps along the key from one organization to the next: the ids behind ?1, ?2 at most, each with what is asked of it. */
export const ofEachOrganization = (columns: string) => `
  WITH RECURSIVE found (id, place) AS (
    SELECT (SELECT min(organization_id) FROM resources WHERE organization_id > ?1), 1
    UNION ALL
    SELECT (SELECT min(organization_id) FROM resources WHERE organization_id > found.id), place + 1
    FROM found WHERE found.id IS NOT NULL AND place < ?2
  )
  SELECT id, ${columns} FROM found WHERE id IS NOT NULL`;

/** Reads each one's own range. */
export const organizationsSql = ofEachOrganization(
  `(${ofFound(profileSql)}) AS profile_body, (${ofFound(lastEventSql)}) AS last_event_at`,
);

const organizationRow = z
  .object({ id: z.string(), profile_body: z.string().nullable(), last_event_at: z.number() })
  .transform((row): OrganizationRow => ({
    organizationId: row.id,
    profileBody: row.profile_body,
    lastEventAt: row.last_event_at,
  }));

export async function listOrganizations(db: Database, after: string, limit: number): Promise<OrganizationRow[]> {
  const { results } = await db.prepare(organizationsSql).bind(after, limit).all();
  return results.map((row) => organizationRow.parse(row));
}

export const profileOfSql = profileSql.replaceAll("ORGANIZATION", "?1");

export const countsSql = `
  SELECT counted.type, resources, events.received_at AS last_event_at
  FROM (
    SELECT type, count(*) AS resources, max(event_seq) AS last_seq FROM resources WHERE organization_id = ?1 GROUP BY type
  ) AS counted CROSS JOIN events ON events.seq = last_seq`;

const countRow = z.object({ type: z.string(), resources: z.number(), last_event_at: z.number() });
const profileRow = z.object({ body: z.string() });

/** One organization and how many resources of each type are known of it, tombstones included; null when none is. */
export async function findOrganization(
  db: Database,
  organizationId: string,
): Promise<(OrganizationRow & { readonly counts: Readonly<Record<string, number>> }) | null> {
  const [profiles, counts] = await db.batch([
    db.prepare(profileOfSql).bind(organizationId),
    db.prepare(countsSql).bind(organizationId),
  ]);
  const rows = (counts?.results ?? []).map((row) => countRow.parse(row));
  if (rows.length === 0) return null;
  const [profile] = profiles?.results ?? [];
  return {
    organizationId,
    profileBody: profile === undefined ? null : profileRow.parse(profile).body,
    lastEventAt: Math.max(...rows.map((row) => row.last_event_at)),
    counts: Object.fromEntries(rows.map((row) => [row.type, row.resources])),
  };
}
