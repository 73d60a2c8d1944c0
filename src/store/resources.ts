import { z } from "zod";
import type { Database } from "./database.ts";
import { inParameters } from "./parameters.ts";

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
  /** Of that event: its `data` is the resource's. */
  readonly body: string;
  /** Of that event. */
  readonly seq: number;
  /** Of that event, Unix milliseconds. */
  readonly receivedAt: number;
}

/** A resource that may be newer than what is kept. */
export interface NewResource extends Omit<ResourceRow, "body" | "seq" | "receivedAt"> {
  readonly version: string;
  /** From which it was read; null: D1 has it so. */
  readonly body: string | null;
}

/** Those whose event is recorded, with that body: the state points to it. The newest goes first, and is the only one written. */
export const upsertResourcesSql = `
  INSERT INTO resources (organization_id, type, resource_id, event, deleted, version, version_at, event_seq)
  SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, events.seq
  FROM json_each(?1) AS given CROSS JOIN events
    ON events.id = value ->> 7 AND (value ->> 8 IS NULL OR value ->> 8 = events.body)
  WHERE true ORDER BY value ->> 5 DESC
  ON CONFLICT (organization_id, type, resource_id) DO UPDATE
    SET event = excluded.event, deleted = excluded.deleted, version = excluded.version,
      version_at = excluded.version_at, event_seq = excluded.event_seq
    WHERE excluded.version > resources.version`;

/**
 * Statements that keep resources if they are newer than what is known, few for many. Rows written: 1 each, or 0 when it is
 * not.
 */
export function upsertResources(db: Database, resources: readonly NewResource[]): D1PreparedStatement[] {
  return inParameters(resources.map((resource) => JSON.stringify(toRow(resource)))).map((list) =>
    db.prepare(upsertResourcesSql).bind(list),
  );
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
    resource.body,
  ];
}

/** Of `resources` and the event it came with, which stays as long (`deletableSql`). */
export const resourceColumns = `resources.organization_id, resources.type, resources.resource_id, resources.event, deleted,
    version_at, events.id AS event_id, events.body, events.seq, events.received_at`;
export const withEventSql = "CROSS JOIN events ON events.seq = resources.event_seq";

export const resourceRow = z
  .object({
    organization_id: z.string(),
    type: z.string(),
    resource_id: z.string(),
    event: z.string().nullable(),
    deleted: z.number(),
    version_at: z.string().nullable(),
    event_id: z.string(),
    body: z.string(),
    seq: z.number(),
    received_at: z.number(),
  })
  .transform((row): ResourceRow => ({
    organizationId: row.organization_id,
    type: row.type,
    resourceId: row.resource_id === "" ? null : row.resource_id,
    event: row.event,
    deleted: row.deleted === 1,
    versionAt: row.version_at,
    eventId: row.event_id,
    body: row.body,
    seq: row.seq,
    receivedAt: row.received_at,
  }));

export const resourcesSql = `
  SELECT ${resourceColumns} FROM resources ${withEventSql}
  WHERE resources.organization_id = ?1 AND (resources.type, resources.resource_id) > (?2, ?3)
  ORDER BY resources.type, resources.resource_id LIMIT ?4`;

/** A resource without an id has '' as its key, and nothing sorts before that: the first page has no lower bound. */
export const firstOfTypeSql = `
  SELECT ${resourceColumns} FROM resources ${withEventSql}
  WHERE resources.organization_id = ?1 AND resources.type = ?2 ORDER BY resources.resource_id LIMIT ?3`;

export const nextOfTypeSql = `
  SELECT ${resourceColumns} FROM resources ${withEventSql}
  WHERE resources.organization_id = ?1 AND resources.type = ?2 AND resources.resource_id > ?3
  ORDER BY resources.resource_id LIMIT ?4`;

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
  SELECT ${resourceColumns} FROM resources ${withEventSql}
  WHERE resources.organization_id = ?1 AND resources.type = ?2
    AND resources.resource_id IN (SELECT value FROM json_each(?3))
  ORDER BY resources.resource_id`;

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
  SELECT ${resourceColumns} FROM resources ${withEventSql}
  WHERE resources.organization_id = ?1 AND resources.type = ?2 AND resources.resource_id = ?3`;

/** Jumps along the key from one type to the next: one look for each type the organization has. */
export const resourceOfAnyTypeSql = `
  WITH RECURSIVE types (type) AS (
    SELECT min(type) FROM resources WHERE organization_id = ?1
    UNION ALL
    SELECT (SELECT min(type) FROM resources WHERE organization_id = ?1 AND type > types.type)
    FROM types WHERE types.type IS NOT NULL
  )
  SELECT ${resourceColumns}
  FROM types CROSS JOIN resources ${withEventSql}
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
