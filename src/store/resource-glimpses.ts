import {
  type ResourcePosition,
  type ResourceRow,
  firstOfTypeSql,
  nextOfTypeSql,
  resourceRow,
  resourcesSql,
} from "./resources.ts";

/** A page shows a line of each resource; data that is larger than any that Qonto is known to send is left out of it. */
const MOST_BYTES = 16_384;

const inBrief = (sql: string) =>
  sql.replace("event_id, data", `event_id, iif(octet_length(data) <= ${MOST_BYTES}, data, '{}') AS data`);

export const glimpsesSql = inBrief(resourcesSql);

export const firstGlimpsesOfTypeSql = inBrief(firstOfTypeSql);

export const nextGlimpsesOfTypeSql = inBrief(nextOfTypeSql);

interface GlimpseQuery {
  readonly type: string | undefined;
  /** The last one already shown. */
  readonly after: ResourcePosition | undefined;
  readonly limit: number;
}

/** A statement that lists resources in the order of type and id, `{}` for data that is large; its rows are for `readGlimpse`. */
export function glimpses(db: D1Database, organizationId: string, { type, after, limit }: GlimpseQuery) {
  const afterId = after?.resourceId ?? "";
  if (type === undefined) return db.prepare(glimpsesSql).bind(organizationId, after?.type ?? "", afterId, limit);
  return after === undefined
    ? db.prepare(firstGlimpsesOfTypeSql).bind(organizationId, type, limit)
    : db.prepare(nextGlimpsesOfTypeSql).bind(organizationId, type, afterId, limit);
}

export function readGlimpse(row: unknown): ResourceRow {
  return resourceRow.parse(row);
}
