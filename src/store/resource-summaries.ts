import type { Database } from "./database.ts";
import {
  type ResourcePosition,
  type ResourceRow,
  firstOfTypeSql,
  nextOfTypeSql,
  resourceColumns,
  resourceRow,
  resourcesSql,
  withEventSql,
} from "./resources.ts";

/** A page shows a line of each resource; a body that is larger than any that Qonto is known to send is left out of it. */
const MOST_BYTES = 16_384;

const inBrief = (sql: string) =>
  sql.replace("events.body", `iif(octet_length(events.body) <= ${MOST_BYTES}, events.body, '{}') AS body`);

export const summariesSql = inBrief(resourcesSql);

export const firstSummariesOfTypeSql = inBrief(firstOfTypeSql);

export const nextSummariesOfTypeSql = inBrief(nextOfTypeSql);

interface SummaryQuery {
  readonly type: string | undefined;
  /** The last one already shown. */
  readonly after: ResourcePosition | undefined;
  readonly limit: number;
}

/** A statement that lists resources in the order of type and id, `{}` for a body that is large; its rows are for `readSummary`. */
export function summaries(db: Database, organizationId: string, { type, after, limit }: SummaryQuery) {
  const afterId = after?.resourceId ?? "";
  if (type === undefined) return db.prepare(summariesSql).bind(organizationId, after?.type ?? "", afterId, limit);
  return after === undefined
    ? db.prepare(firstSummariesOfTypeSql).bind(organizationId, type, limit)
    : db.prepare(nextSummariesOfTypeSql).bind(organizationId, type, afterId, limit);
}

export function readSummary(row: unknown): ResourceRow {
  return resourceRow.parse(row);
}

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
  const { results } = await db.prepare(namedSummariesSql).bind(organizationId, pairs).all();
  return results.map(readSummary);
}
