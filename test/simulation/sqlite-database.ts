import { DatabaseSync, type StatementSync } from "node:sqlite";
import { type SqlStatement, type SqlValue, createD1Binding } from "./d1-binding.ts";
import { asD1Error, d1Error } from "./d1-error.ts";
import { migratedDatabase, noteMigrationsSql } from "./migrated-database.ts";

export type Row = Record<string, unknown>;

/** As workerd sets them. Its longest value has 8 MB; that a row has 2 MB at most is so on Cloudflare only. */
const limits = {
  length: 8_388_642,
  sqlLength: 100_000,
  column: 100,
  exprDepth: 100,
  compoundSelect: 5,
  vdbeOp: 25_000,
  functionArg: 127,
  attach: 0,
  likePatternLength: 50,
  variableNumber: 100,
  triggerDepth: 10,
};

interface Prepared {
  readonly statement: StatementSync;
  readonly columns: readonly string[];
  readonly parameterCount: number;
}

/**
 * D1 in memory, after the real migrations. A call happens whole while it is made: no timer, no thread. Two things Node is
 * not told: the rows read and written in a result's `meta` are NaN, and the error of a statement that does not compile lacks
 * its "at offset".
 */
export class SqliteDatabase {
  /** For a Worker whose calls nothing happens to. */
  readonly binding: D1Database = createD1Binding(async (statements) => this.execute(statements));

  /** While its migrations have not been applied each call fails as on an empty database. */
  lacksTables = false;
  readonly #db: DatabaseSync;
  readonly #prepared = new Map<string, Prepared>();
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #counters: StatementSync;
  readonly #size: StatementSync;
  readonly #emptying: readonly StatementSync[];
  /** As they were last found; null when something may have been written since. */
  #counted: Counters | null = null;

  constructor() {
    this.#db = new DatabaseSync(":memory:", { limits, enableDoubleQuotedStringLiterals: true });
    this.#db.deserialize(migratedDatabase);
    // What SQLite needs to undo half a statement it would keep in a file.
    this.#db.exec("PRAGMA temp_store = MEMORY");
    this.#begin = this.#db.prepare("BEGIN");
    this.#commit = this.#db.prepare("COMMIT");
    this.#counters = this.#db.prepare("SELECT total_changes(), last_insert_rowid()", { returnArrays: true });
    const size = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    this.#size = this.#db.prepare(size, { returnArrays: true });
    const tables = this.query("SELECT name FROM sqlite_schema WHERE type = 'table'");
    this.#emptying = [
      ...tables.map(({ name }) => this.#db.prepare(`DELETE FROM ${String(name)}`)),
      this.#db.prepare(noteMigrationsSql),
    ];
    // Only what is written in this connection is the last row that was inserted.
    this.empty();
  }

  /** Makes one call: all of its statements, or none of them. Throws what D1 would. */
  execute(statements: readonly SqlStatement[]): D1Result[] {
    const [first, ...others] = statements;
    if (first === undefined) throw d1Error("No SQL statements detected.");
    try {
      if (this.lacksTables) for (const { sql } of statements) emptyDatabase.prepare(sql);
      if (others.length === 0) return [this.#run(first)];
      return this.#inTransaction(() => statements.map((statement) => this.#run(statement)));
    } catch (error) {
      throw asD1Error(error);
    }
  }

  /** For a look at the database from outside. */
  query(sql: string, ...parameters: readonly SqlValue[]): Row[] {
    return this.#rowsOf({ sql, parameters });
  }

  /** Grows with each row that is written or deleted, though it be undone: nothing has changed while it stands still. */
  get totalChanges(): number {
    return this.#count().changes;
  }

  /** Makes it as good as new, without compiling all statements again. */
  empty(): void {
    this.#inTransaction(() => this.#emptying.forEach((statement) => statement.run()));
    this.#counted = null;
    this.lacksTables = false;
  }

  #inTransaction<Value>(work: () => Value): Value {
    this.#begin.run();
    try {
      const value = work();
      this.#commit.run();
      return value;
    } catch (error) {
      // After some errors SQLite has rolled back by itself.
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  #run(statement: SqlStatement): D1Result {
    const before = this.#count();
    // To ask again takes as long as to read some rows.
    if (!isRead(statement)) this.#counted = null;
    const results = this.#rowsOf(statement);
    const after = this.#count();
    const size = this.#size;
    const changes = after.changes - before.changes;
    return {
      success: true,
      results,
      meta: {
        duration: 0,
        changes,
        last_row_id: after.lastRowId,
        changed_db: changes > 0 || after.lastRowId !== before.lastRowId,
        // Few look at it, and to ask takes as long as to read some rows.
        get size_after() {
          const [bytes] = size.get() as unknown as [number];
          return bytes;
        },
        rows_read: Number.NaN,
        rows_written: Number.NaN,
      },
    };
  }

  #rowsOf({ sql, parameters }: SqlStatement): Row[] {
    const { statement, columns, parameterCount } = this.#prepare(sql);
    if (parameters.length !== parameterCount) throw d1Error("Wrong number of parameter bindings for SQL query.");
    return statement.all(...parameters).map((values) => toRow(columns, values as unknown as SqlValue[]));
  }

  #prepare(sql: string): Prepared {
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    const statement = this.#db.prepare(sql, { returnArrays: true });
    if (sql.slice(statement.sourceSQL.length).trim() !== "") throw new Error("Only the first statement would be run");
    const columns = statement.columns().map(({ name }) => name);
    const prepared = { statement, columns, parameterCount: countParameters(sql) };
    this.#prepared.set(sql, prepared);
    return prepared;
  }

  #count(): Counters {
    if (this.#counted === null) {
      const [changes, lastRowId] = this.#counters.get() as unknown as [number, number];
      this.#counted = { changes, lastRowId };
    }
    return this.#counted;
  }
}

const emptyDatabase = new DatabaseSync(":memory:", { enableDoubleQuotedStringLiterals: true });

interface Counters {
  readonly changes: number;
  readonly lastRowId: number;
}

function isRead({ sql }: SqlStatement): boolean {
  return /^\s*SELECT\b/.test(sql);
}

/** As D1 sends it in JSON: bytes as a list of numbers, an infinite number as null. */
function toRow(columns: readonly string[], values: readonly SqlValue[]): Row {
  const row: Row = {};
  for (let index = 0; index < columns.length; index += 1) {
    const value = values[index];
    const column = columns[index] as string;
    if (typeof value === "number") row[column] = Number.isFinite(value) ? value : null;
    else row[column] = value instanceof Uint8Array ? Array.from(value) : value;
  }
  return row;
}

/** Their numbers are counted, as SQLite does: `?3` alone makes three. */
function countParameters(sql: string): number {
  const code = sql.replaceAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"|--.*|\/\*[^]*?\*\//g, "");
  let count = 0;
  for (const [, number] of code.matchAll(/\?(\d*)/g))
    count = Math.max(count, number === "" ? count + 1 : Number(number));
  return count;
}
