/** Of an error's text the first line: the rest says where the simulation was called from. */
export function withoutStack(key: string, value: unknown): unknown {
  return key === "error" && typeof value === "string" ? value.split("\n", 1)[0] : value;
}

/** Enough of a statement to tell which it is. */
export function titleOf(sql = ""): string {
  return sql.trim().replaceAll(/\s+/g, " ").slice(0, 60);
}
