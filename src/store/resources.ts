import { z } from "zod";
import type { Database } from "./database.ts";
import { MAX_PARAMETER_LENGTH, inParameters } from "./parameters.ts";

/** The latest state of a resource, as it is kept. */
export interface ResourceRow {
  readonly organizationId: string;
  readonly type: string;
  /** Null for a type of which an organization has one at most. */
  readonly resourceId: string | null;
  readonly event: string | null;
  readonly deleted: boolean;
  readonly versionAt: string | null;
  readonly eventId: string;
  /** JSON text. */
  readonly data: string;
}

/** A resource that may be newer than what is kept. */
export type NewResource = ResourceRow & { readonly version: string; readonly receivedAt: number };

const upsertGivenSql = (given: string) => `
  INSERT INTO resources (organization_id, type, resource_id, event, deleted, version, version_at, event_id, received_at, data)
  ${given}
  ON CONFLICT (organization_id, type, resource_id) DO UPDATE
    SET event = excluded.event, deleted = excluded.deleted, version = excluded.version,
      version_at = excluded.version_at, event_id = excluded.event_id, received_at = excluded.received_at,
      data = excluded.data
    WHERE excluded.version > resources.version`;

export const upsertSql = upsertGivenSql("VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");

export const upsertListedSql = upsertGivenSql(`
  SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
    value ->> 8, value ->> 9
  FROM json_each(?1) WHERE true`);

/**
 * Statements that keep resources if they are newer than what is known, few for many. Rows written: 1 each, or 0 when it is
 * not.
 */
export function upsertResources(db: Database, resources: readonly NewResource[]): D1PreparedStatement[] {
  const rows = resources.map(toRow).map((row) => ({ row, text: JSON.stringify(row) }));
  const { large = [], small = [] } = Object.groupBy(rows, ({ text }) =>
    text.length > MAX_PARAMETER_LENGTH ? "large" : "small",
  );
  return [
    ...inParameters(small.map(({ text }) => text)).map((list) => db.prepare(upsertListedSql).bind(list)),
    // Its texts are shorter than the JSON that they are in.
    ...large.map(({ row }) => db.prepare(upsertSql).bind(...row)),
  ];
}

function toRow(resource: NewResource): (string | number | null)[] {
  return [
    resource.organizationId,
    resource.type,
    resource.resourceId ?? "",
    resource.event,
    resource.deleted ? 1 : 0,
    resource.version,
    resource.versionAt,
    resource.eventId,
    resource.receivedAt,
    resource.data,
  ];
}

const columns = "organization_id, type, resource_id, event, deleted, version_at, event_id, data";

/** The same in a statement that reads more than one table. */
export const resourceColumns = columns
  .split(", ")
  .map((column) => `resources.${column}`)
  .join(", ");

export const resourceRow = z
  .object({
    organization_id: z.string(),
    type: z.string(),
    resource_id: z.string(),
    event: z.string().nullable(),
    deleted: z.number(),
    version_at: z.string().nullable(),
    event_id: z.string(),
    data: z.string(),
  })
  .transform((row): ResourceRow => ({
    organizationId: row.organization_id,
    type: row.type,
    resourceId: row.resource_id === "" ? null : row.resource_id,
    event: row.event,
    deleted: row.deleted === 1,
    versionAt: row.version_at,
    eventId: row.event_id,
    data: row.data,
  }));

export const resourcesSql = `
  SELECT ${columns} FROM resources
  WHERE organization_id = ?1 AND (type, resource_id) > (?2, ?3)
  ORDER BY type, resource_id LIMIT ?4`;

/** A resource without an id has '' as its key, and nothing sorts before that: the first page has no lower bound. */
export const firstOfTypeSql = `
  SELECT ${columns} FROM resources WHERE organization_id = ?1 AND type = ?2 ORDER BY resource_id LIMIT ?3`;

export const nextOfTypeSql = `
  SELECT ${columns} FROM resources
  WHERE organization_id = ?1 AND type = ?2 AND resource_id > ?3 ORDER BY resource_id LIMIT ?4`;

/** Where a page of resources ended. */
export interface ResourcePosition {
  readonly type: string;
  readonly resourceId: string | null;
}

/** Resources of an organization in the order of type and id; `after` is the last one already shown. */
export async function listResources(
  db: Database,
  organizationId: string,
  { type, after, limit }: { type: string | undefined; after: ResourcePosition | undefined; limit: number },
): Promise<ResourceRow[]> {
  const { results } = await listStatement(db, organizationId, type, after, limit).all();
  return results.map((row) => resourceRow.parse(row));
}

function listStatement(
  db: Database,
  organizationId: string,
  type: string | undefined,
  after: ResourcePosition | undefined,
  limit: number,
): D1PreparedStatement {
  const afterId = after?.resourceId ?? "";
  if (type === undefined) return db.prepare(resourcesSql).bind(organizationId, after?.type ?? "", afterId, limit);
  return after === undefined
    ? db.prepare(firstOfTypeSql).bind(organizationId, type, limit)
    : db.prepare(nextOfTypeSql).bind(organizationId, type, afterId, limit);
}

export const namedResourcesSql = `
  SELECT ${columns} FROM resources
  WHERE organization_id = ?1 AND type = ?2 AND resource_id IN (SELECT value FROM json_each(?3))
  ORDER BY resource_id`;

/** Those of some ids that are known, in the order of their ids: one D1 call. */
export async function findResources(
  db: Database,
  organizationId: string,
  type: string,
  ids: readonly string[],
): Promise<ResourceRow[]> {
  const { results } = await db.prepare(namedResourcesSql).bind(organizationId, type, JSON.stringify(ids)).all();
  return results.map((row) => resourceRow.parse(row));
}

export const resourceSql = `
  SELECT ${columns} FROM resources
  WHERE organization_id = ?1 AND type = ?2 AND resource_id = ?3`;

/** Jumps along the key from one type to the next: one look for each type the organization has. */
export const resourceOfAnyTypeSql = `
  WITH RECURSIVE types (type) AS (
    SELECT min(type) FROM resources WHERE organization_id = ?1
    UNION ALL
    SELECT (SELECT min(type) FROM resources WHERE organization_id = ?1 AND type > types.type)
    FROM types WHERE types.type IS NOT NULL
  )
  SELECT ${resourceColumns}
  FROM types CROSS JOIN resources
  WHERE resources.organization_id = ?1 AND resources.type = types.type AND resources.resource_id = ?2
  ORDER BY version DESC LIMIT 1`;

/** One resource; without a type, the newest of that id. */
export async function findResource(
  db: Database,
  organizationId: string,
  resourceId: string | null,
  type: string | undefined,
): Promise<ResourceRow | null> {
  const statement =
    type === undefined
      ? db.prepare(resourceOfAnyTypeSql).bind(organizationId, resourceId ?? "")
      : db.prepare(resourceSql).bind(organizationId, type, resourceId ?? "");
  const row = await statement.first();
  return row === null ? null : resourceRow.parse(row);
}
