/**
 * Begins a statement with the table `found`: the values of a key in their order, each once, and null after the last; `most` rows
 * of these. It jumps along the key from one value to the next, so it reads one row for each, however many rows have it.
 */
export function withFoundSql(
  key: string,
  table: string,
  { where = "true", after, most = -1 }: { where?: string; after?: string; most?: number | string } = {},
): string {
  const first = after === undefined ? "" : `AND ${key} > ${after}`;
  return `
  WITH RECURSIVE found (id) AS (
    SELECT min(${key}) FROM ${table} WHERE ${where} ${first}
    UNION ALL
    SELECT (SELECT min(${key}) FROM ${table} WHERE ${where} AND ${key} > found.id) FROM found WHERE found.id IS NOT NULL
    LIMIT ${most}
  )`;
}
