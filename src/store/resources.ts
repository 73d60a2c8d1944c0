import { z } from "zod";
import { pageOf } from "../platform/page.ts";
import type { Database } from "./database.ts";
import { withFoundSql } from "./each-key.ts";
import { type EventPosition, MAX_LOOKED_AT, edgeOfListSql, readPosition, windowOf, windowSql } from "./event-order.ts";
import { eventOutcomeSql, outcomes } from "./event-progress.ts";
import { briefBodySql } from "./events.ts";
import { flag, inParameters, rowsOf } from "./rows.ts";

/** Of `resources` and the event it came with, which stays as long (`deletableSql`). */
const resourceColumns = `resources.organization_id AS organizationId, resources.type,
    nullif(resources.resource_id, '') AS resourceId, resources.event, deleted, version_at AS versionAt, events.id AS eventId,
    events.created_at AS createdAt, events.body, events.seq, events.received_at AS receivedAt`;
const withEventSql = "CROSS JOIN events ON events.seq = resources.event_seq";

const resourceRow = z.object({
  organizationId: z.string(),
  type: z.string(),
  /** Null for a type of which an organization has one at most. */
  resourceId: z.string().nullable(),
  event: z.string().nullable(),
  deleted: flag,
  versionAt: z.string().nullable(),
  eventId: z.string(),
  /** Of that event. */
  createdAt: z.string().nullable(),
  /** Of that event: its `data` is the resource's. */
  body: z.string(),
  /** Of that event. */
  seq: z.number(),
  /** Of that event, Unix milliseconds. */
  receivedAt: z.number(),
});

/** The latest state of a resource. */
export type ResourceRow = z.output<typeof resourceRow>;

/** A resource that may be newer than what is kept. */
export interface NewResource extends Omit<ResourceRow, "createdAt" | "body" | "seq" | "receivedAt"> {
  readonly version: string;
  /** The body that it was read from; null: the one in D1. */
  readonly body: string | null;
}

/** Only resources whose event is recorded, with that body: the state points to it. The newest comes first, so it alone is written. */
export const upsertResourcesSql = `
  INSERT INTO resources (organization_id, type, resource_id, event, deleted, version, version_at, event_seq)
  SELECT value ->> 'organizationId', value ->> 'type', coalesce(value ->> 'resourceId', ''), value ->> 'event',
    value ->> 'deleted', value ->> 'version', value ->> 'versionAt', events.seq
  FROM json_each(?1) AS given CROSS JOIN events
    ON events.id = value ->> 'eventId' AND (value ->> 'body' IS NULL OR value ->> 'body' = events.body)
  WHERE true ORDER BY value ->> 'version' DESC
  ON CONFLICT (organization_id, type, resource_id) DO UPDATE
    SET event = excluded.event, deleted = excluded.deleted, version = excluded.version,
      version_at = excluded.version_at, event_seq = excluded.event_seq
    WHERE excluded.version > resources.version`;

/** Few statements that keep many resources if they are newer than the known state. Rows written: 1 for each that is. */
export function upsertResources(db: Database, resources: readonly NewResource[]): D1PreparedStatement[] {
  const lists = inParameters(resources.map((resource) => JSON.stringify(resource)));
  return lists.map((list) => db.prepare(upsertResourcesSql).bind(list));
}

export const resourcesSql = `
  SELECT ${resourceColumns} FROM resources ${withEventSql}
  WHERE resources.organization_id = ?1 AND (resources.type, resources.resource_id) > (?2, ?3)
  ORDER BY resources.type, resources.resource_id LIMIT ?4`;

/** A resource without an id has '' as its key. Nothing sorts before that, so the first page has no lower bound. */
export const firstOfTypeSql = `
  SELECT ${resourceColumns} FROM resources ${withEventSql}
  WHERE resources.organization_id = ?1 AND resources.type = ?2 ORDER BY resources.resource_id LIMIT ?3`;

export const nextOfTypeSql = `
  SELECT ${resourceColumns} FROM resources ${withEventSql}
  WHERE resources.organization_id = ?1 AND resources.type = ?2 AND resources.resource_id > ?3
  ORDER BY resources.resource_id LIMIT ?4`;

/** Where a page of resources ended. */
interface ResourcePosition {
  readonly type: string;
  readonly resourceId: string | null;
}

interface ResourceQuery {
  readonly type: string | undefined;
  /** The last one already shown. */
  readonly after: ResourcePosition | undefined;
  readonly limit: number;
}

/** Resources of an organization in the order of type and id. */
export async function listResources(
  db: Database,
  organizationId: string,
  query: ResourceQuery,
): Promise<ResourceRow[]> {
  const statement = listStatement(db, [resourcesSql, firstOfTypeSql, nextOfTypeSql], organizationId, query);
  return rowsOf(resourceRow, await statement.all());
}

function listStatement(
  db: Database,
  [allSql, firstSql, nextSql]: readonly [string, string, string],
  organizationId: string,
  { type, after, limit }: ResourceQuery,
): D1PreparedStatement {
  const afterId = after?.resourceId ?? "";
  if (type === undefined) return db.prepare(allSql).bind(organizationId, after?.type ?? "", afterId, limit);
  return after === undefined
    ? db.prepare(firstSql).bind(organizationId, type, limit)
    : db.prepare(nextSql).bind(organizationId, type, afterId, limit);
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
  return rowsOf(resourceRow, await db.prepare(namedResourcesSql).bind(organizationId, type, JSON.stringify(ids)).all());
}

export const versionsOfTypeSql = `
  SELECT resource_id AS resourceId, version_at AS versionAt FROM resources
  WHERE organization_id = ?1 AND type = ?2 AND resource_id > ?3 AND deleted = 0 ORDER BY resource_id LIMIT ?4`;

const versionRow = z.object({ resourceId: z.string(), versionAt: z.string().nullable() });

/** The next resources of a type behind an id, in the order of their ids, without those that are deleted. */
export async function versionsOfType(
  db: Database,
  { organizationId, type }: Pick<ResourceRow, "organizationId" | "type">,
  { after, limit }: { readonly after: string; readonly limit: number },
): Promise<z.output<typeof versionRow>[]> {
  const statement = db.prepare(versionsOfTypeSql).bind(organizationId, type, after, limit);
  return rowsOf(versionRow, await statement.all());
}

export const resourceSql = `
  SELECT ${resourceColumns} FROM resources ${withEventSql}
  WHERE resources.organization_id = ?1 AND resources.type = ?2 AND resources.resource_id = ?3`;

/** One look for each type that the organization has. */
export const resourceOfAnyTypeSql = `
  ${withFoundSql("type", "resources", { where: "organization_id = ?1" })}
  SELECT ${resourceColumns}
  FROM found CROSS JOIN resources ${withEventSql}
  WHERE resources.organization_id = ?1 AND resources.type = found.id AND resources.resource_id = ?2
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
  return resourceRow.nullable().parse(await statement.first());
}

const inBrief = (sql: string) => sql.replace("events.body", `${briefBodySql} AS body`);

export const summariesSql = inBrief(resourcesSql);

export const firstSummariesOfTypeSql = inBrief(firstOfTypeSql);

export const nextSummariesOfTypeSql = inBrief(nextOfTypeSql);

/** A statement that lists resources in the order of type and id, a large body as `{}`; its rows are for `readSummary`. */
export function summaries(db: Database, organizationId: string, query: ResourceQuery): D1PreparedStatement {
  return listStatement(db, [summariesSql, firstSummariesOfTypeSql, nextSummariesOfTypeSql], organizationId, query);
}

export const readSummary = (row: unknown) => resourceRow.parse(row);

export const namedSummariesSql = inBrief(`
  SELECT ${resourceColumns} FROM json_each(?2) AS wanted CROSS JOIN resources ${withEventSql}
  WHERE resources.organization_id = ?1 AND resources.type = wanted.value ->> 0
    AND resources.resource_id = wanted.value ->> 1`);

/** Those of some resources that are known; one D1 call. */
export async function summariesOf(
  db: Database,
  organizationId: string,
  named: readonly { readonly type: string; readonly id: string }[],
): Promise<ResourceRow[]> {
  const pairs = JSON.stringify(named.map(({ type, id }) => [type, id]));
  return rowsOf(resourceRow, await db.prepare(namedSummariesSql).bind(organizationId, pairs).all());
}

/** Events of a resource that a page shows. */
const MOST_SHOWN = 50;

/** There is no index by resource, because it would cost a row written for each event: the newest events are walked. */
export const eventsOfResourceSql = `
  SELECT seq, id, event, created_at AS createdAt, received_at AS receivedAt, ${eventOutcomeSql} AS outcome FROM events
  WHERE ${windowSql(MAX_LOOKED_AT)} AND type = ?4 AND organization_id = ?5 AND resource_id IS ?6
  ORDER BY seq DESC LIMIT ${MOST_SHOWN + 1}`;

const eventOfResourceRow = z.object({
  id: z.string(),
  event: z.string().nullable(),
  createdAt: z.string().nullable(),
  receivedAt: z.number(),
  outcome: z.enum(outcomes),
});

/** An event about a resource, and how it fared. */
export type EventOfResource = z.output<typeof eventOfResourceRow>;

export interface ResourceHistory {
  /** Newest first. */
  readonly events: readonly EventOfResource[];
  /** Where to continue; null: no older event is kept. */
  readonly next: EventPosition | null;
}

/** The events of a resource among the newest ones, or among those before a position. One D1 call. */
export async function historyOf(
  db: Database,
  { organizationId, type, resourceId }: ResourceRow,
  before: EventPosition | undefined,
): Promise<ResourceHistory> {
  const window = windowOf({ before });
  const [found, edge] = await db.batch([
    db.prepare(eventsOfResourceSql).bind(...window, type, organizationId, resourceId),
    db.prepare(edgeOfListSql).bind(...window),
  ]);
  const { rows, next } = pageOf<unknown>(found?.results ?? [], MOST_SHOWN, edge?.results[0]);
  return { events: z.array(eventOfResourceRow).parse(rows), next: readPosition(next) };
}
