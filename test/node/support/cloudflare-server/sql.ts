/**
 * Statements of a text as the service may split it: at each semicolon outside of '…'. Of comments it knows nothing, so one
 * with a semicolon or a quote breaks what comes after it.
 */
export function split(sql: string): string[] {
  const statements = sql.match(/(?:'[^']*'?|[^;'])+/g) ?? [];
  return statements.map((statement) => statement.trim()).filter((statement) => statement !== "");
}

export function isReading(sql: string): boolean {
  const reads = /^(?:SELECT|EXPLAIN|PRAGMA \w+(?:\(.*\))?$)/i;
  return split(sql).every((statement) => reads.test(statement));
}
