import { d1Error } from "./d1-error.ts";

/** A value as SQLite takes it. */
export type SqlValue = null | number | string | Uint8Array;

/** A statement with all that it needs. */
export interface SqlStatement {
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
}

/** Makes one call to D1: all of its statements or none, a result for each. */
export type CallD1 = (statements: readonly SqlStatement[]) => Promise<D1Result[]>;

/**
 * D1's binding as the relay uses it, over whatever makes the calls: what the runtime's own JavaScript does on the Worker's
 * side. It adds microtasks only.
 */
export function createD1Binding(call: CallD1): D1Database {
  const binding: Pick<D1Database, "prepare" | "batch"> = {
    prepare: (sql) => new PreparedStatement(call, sql, []),
    batch: async <Row>(statements: D1PreparedStatement[]) =>
      (await call(statements.map(toSqlStatement))) as D1Result<Row>[],
  };
  return binding as D1Database;
}

function toSqlStatement(statement: D1PreparedStatement): SqlStatement {
  if (statement instanceof PreparedStatement) return statement;
  throw new Error("A statement of another database");
}

class PreparedStatement implements D1PreparedStatement, SqlStatement {
  readonly #call: CallD1;
  readonly sql: string;
  readonly parameters: readonly SqlValue[];

  constructor(call: CallD1, sql: string, parameters: readonly SqlValue[]) {
    this.#call = call;
    this.sql = sql;
    this.parameters = parameters;
  }

  bind(...values: unknown[]): D1PreparedStatement {
    return new PreparedStatement(this.#call, this.sql, values.map(toSqlValue));
  }

  async all<Row = Record<string, unknown>>(): Promise<D1Result<Row>> {
    const [result] = await this.#call([this]);
    return result as D1Result<Row>;
  }

  run<Row = Record<string, unknown>>(): Promise<D1Result<Row>> {
    return this.all();
  }

  async first<Value>(column?: string): Promise<Value | null> {
    const [row] = (await this.all()).results;
    if (row === undefined) return null;
    if (column === undefined) return row as Value;
    if (row[column] === undefined) {
      throw new Error(`D1_COLUMN_NOTFOUND: Column not found (${column})`, { cause: new Error("Column not found") });
    }
    return row[column] as Value;
  }

  raw(): never {
    throw new Error("The relay reads its rows by name");
  }
}

/** As the runtime converts what is bound, and JSON what is sent: a number that is none becomes null, -0 becomes 0. */
function toSqlValue(value: unknown): SqlValue {
  if (typeof value === "string") return toText(value);
  if (typeof value === "number") return Number.isFinite(value) ? value + 0 : null;
  if (value === null) return null;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (Array.isArray(value) && value.every(isByte)) return Uint8Array.from(value);
  if (value instanceof ArrayBuffer) return new Uint8Array(value.slice());
  if (ArrayBuffer.isView(value)) return Uint8Array.from(value as Uint8Array);
  throw d1Error(`Type '${typeof value}' not supported for value '${value as string}'`, "D1_TYPE_ERROR");
}

/** D1 keeps half a surrogate pair as it is, which Node cannot. */
function toText(value: string): string {
  if (value.isWellFormed()) return value;
  throw new Error("Half a surrogate pair would not be kept as D1 keeps it");
}

function isByte(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value < 256;
}
