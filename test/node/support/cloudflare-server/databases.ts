import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import type { Miniflare } from "miniflare";
import { Refusal } from "./answers.ts";
import { split } from "./sql.ts";

type Rows = Record<string, unknown>[];
type Served = Awaited<ReturnType<Miniflare["getD1Database"]>>;
/** Asks workerd's D1 when it can be asked. */
type Use = (query: (database: Served) => Promise<Rows[]>) => Promise<Rows[]>;

/** A D1 database. It is SQLite in this process until a Worker is served that has it: from then on it is workerd's D1. */
export class Database {
  readonly uuid = crypto.randomUUID();
  readonly name: string;
  readonly jurisdiction: string | undefined;
  readonly created_at: string;
  #own: DatabaseSync | null = new DatabaseSync(":memory:");
  #served: Use | null = null;

  constructor(name: string, jurisdiction: string | undefined, created_at: string) {
    this.name = name;
    this.jurisdiction = jurisdiction;
    this.created_at = created_at;
  }

  /** Runs the statements of a text in one transaction; throws as the service answers what goes wrong. */
  async query(sql: string, parameters: readonly unknown[] = []): Promise<Rows[]> {
    const statements = split(sql);
    if (statements.length > 1 && parameters.length > 0) {
      throw new Refusal(400, 7400, "Parameters go with one statement alone.");
    }
    try {
      return await (this.#own === null
        ? this.#queryServed(statements, parameters)
        : queryOwn(this.#own, statements, parameters));
    } catch (error) {
      throw new Refusal(400, 7500, messageOf(error));
    }
  }

  /** Moves all that it holds to where a Worker has it. */
  async moveTo(database: Served, use: Use): Promise<void> {
    if (this.#own === null) return;
    const own = this.#own;
    const names = "sqlite\\_%' ESCAPE '\\'";
    const schema = own.prepare(`SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE '${names} AND sql <> ''`);
    const objects = schema
      .all()
      .toSorted((one, other) => Number(other["type"] === "table") - Number(one["type"] === "table"));
    const tables = objects.filter(({ type }) => type === "table").map(({ name }) => String(name));
    const rows = tables.flatMap((table) =>
      own
        .prepare(`SELECT * FROM "${table}"`)
        .all()
        .map((row) => ({ table, row })),
    );
    const inserts = rows.map(({ table, row }) => {
      const values = Object.values(row);
      return database.prepare(`INSERT INTO "${table}" VALUES (${values.map(() => "?").join(", ")})`).bind(...values);
    });
    const creations = objects.map(({ sql }) => database.prepare(String(sql)));
    if (creations.length > 0) await database.batch([...creations, ...inserts]);
    this.#served = use;
    this.close();
  }

  close(): void {
    this.#own?.close();
    this.#own = null;
  }

  async #queryServed(statements: readonly string[], parameters: readonly unknown[]): Promise<Rows[]> {
    if (this.#served === null) throw new Error("The database is closed.");
    return this.#served(async (database) => {
      const prepared = statements.map((sql) => database.prepare(sql).bind(...parameters));
      return (await database.batch<Record<string, unknown>>(prepared)).map(({ results }) => results);
    });
  }
}

function queryOwn(database: DatabaseSync, statements: readonly string[], parameters: readonly unknown[]): Rows[] {
  database.exec("BEGIN");
  try {
    const results = statements.map((sql) => database.prepare(sql).all(...(parameters as SQLInputValue[])));
    database.exec("COMMIT");
    return results;
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

/** SQLite's message and the name of its code, which workerd adds by itself. */
function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (message.startsWith("D1_ERROR: ")) return message.slice("D1_ERROR: ".length);
  const isConstraint = error instanceof Error && "errcode" in error && (Number(error.errcode) & 0xff) === 19;
  return `${message}: ${isConstraint ? "SQLITE_CONSTRAINT" : "SQLITE_ERROR"}`;
}
