/** SQLite's names of its result codes, as far as a statement of the relay can meet them. */
const primaryCodes: Readonly<Record<number, string>> = {
  1: "SQLITE_ERROR",
  11: "SQLITE_CORRUPT",
  13: "SQLITE_FULL",
  18: "SQLITE_TOOBIG",
  19: "SQLITE_CONSTRAINT",
  20: "SQLITE_MISMATCH",
  23: "SQLITE_AUTH",
  25: "SQLITE_RANGE",
};

const extendedCodes: Readonly<Record<number, string>> = {
  275: "SQLITE_CONSTRAINT_CHECK",
  531: "SQLITE_CONSTRAINT_COMMITHOOK",
  787: "SQLITE_CONSTRAINT_FOREIGNKEY",
  1043: "SQLITE_CONSTRAINT_FUNCTION",
  1299: "SQLITE_CONSTRAINT_NOTNULL",
  1555: "SQLITE_CONSTRAINT_PRIMARYKEY",
  1811: "SQLITE_CONSTRAINT_TRIGGER",
  2067: "SQLITE_CONSTRAINT_UNIQUE",
  2323: "SQLITE_CONSTRAINT_VTAB",
  2579: "SQLITE_CONSTRAINT_ROWID",
  3091: "SQLITE_CONSTRAINT_DATATYPE",
};

/** An error as D1's binding throws it. */
export function d1Error(problem: string, prefix = "D1_ERROR"): Error {
  return new Error(`${prefix}: ${problem}`, { cause: new Error(problem) });
}

/** What SQLite said to Node, as D1 says it. Any other error is the double's own, and stays what it is. */
export function asD1Error(error: unknown): unknown {
  if (!isSqliteError(error)) return error;
  const primary = primaryCodes[error.errcode & 0xff];
  if (primary === undefined) return error;
  const extended = extendedCodes[error.errcode];
  return d1Error(`${error.message}: ${primary}${extended === undefined ? "" : ` (extended: ${extended})`}`);
}

function isSqliteError(error: unknown): error is Error & { readonly errcode: number } {
  return error instanceof Error && "errcode" in error && typeof error.errcode === "number";
}
