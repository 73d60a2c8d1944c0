import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { type Context, Hono } from "hono";
import type { Miniflare } from "miniflare";
import {
  type Emulation,
  Refusal,
  type Variables,
  bodyOf,
  failure,
  notFound,
  page,
  success,
  timestamp,
} from "./context.ts";

type Rows = Record<string, unknown>[];
type Served = Awaited<ReturnType<Miniflare["getD1Database"]>>;
/** Queries workerd's D1 once it is ready. */
type Use = (query: (database: Served) => Promise<Rows[]>) => Promise<Rows[]>;

/** A D1 database: SQLite in this process, and workerd's D1 as soon as a served Worker is bound to it. */
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

  /** Runs the statements of a text in one transaction. Throws the service's refusals. */
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

  /** Moves its content to the D1 of a served Worker. */
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

/**
 * Splits a text into statements as the service may do it: at each semicolon outside of '…'. It does not know comments: a
 * semicolon or a quote in a comment breaks the statements behind it.
 */
function split(sql: string): string[] {
  const statements = sql.match(/(?:'[^']*'?|[^;'])+/g) ?? [];
  return statements.map((statement) => statement.trim()).filter((statement) => statement !== "");
}

export function isReading(sql: string): boolean {
  const reads = /^(?:SELECT|EXPLAIN|PRAGMA \w+(?:\(.*\))?$)/i;
  return split(sql).every((statement) => reads.test(statement));
}

/** wrangler's record of a migration, in the same request. */
const NOTED_MIGRATION = /INSERT INTO "?d1_migrations"? \(name\)\s+values \('([^']+)'\)/gi;

export function databasesApi(emulation: Emulation): Hono<Variables> {
  const { changes } = emulation;
  const api = new Hono<Variables>();
  const paging = () => ({ perPage: 100, atMost: emulation.pageSize });

  api.get("/", ({ req, var: { account } }) => {
    const part = req.query("name") ?? "";
    const found = [...account.databases.values()].filter(({ name }) => name.includes(part));
    return page(found.map(describe), req.url, paging());
  });
  api.post("/", async (context) => {
    const { databases } = context.var.account;
    const { name, jurisdiction } = await bodyOf(context);
    if (databases.has(name)) return failure(400, 7502, `Database with name '${name}' already exists`);
    const database = new Database(name, jurisdiction, timestamp(emulation));
    databases.set(name, database);
    changes.push(`create database ${name} in ${jurisdiction}`);
    return success(describe(database));
  });
  api.get("/:database", (context) => success({ ...describe(databaseOf(context)), num_tables: 0, file_size: 0 }));
  api.patch("/:database", (context) => success(describe(databaseOf(context))));
  api.delete("/:database", (context) => {
    const database = databaseOf(context);
    context.var.account.databases.delete(database.name);
    database.close();
    changes.push(`delete database ${database.name}`);
    return success(null);
  });
  api.post("/:database/query", async (context) => {
    const database = databaseOf(context);
    const { sql, params } = await bodyOf(context);
    const results = await database.query(String(sql), params);
    for (const [, name] of String(sql).matchAll(NOTED_MIGRATION)) changes.push(`migrate ${name}`);
    const meta = { duration: 0.2, changes: 0, rows_read: 0, rows_written: 0, served_by_region: "WEUR" };
    return success(results.map((rows) => ({ success: true, results: rows, meta })));
  });
  return api;
}

/** The API finds a database by its name as well as by its id. */
function databaseOf({ req, var: { account } }: Context<Variables>): Database {
  const idOrName = req.param("database") ?? "";
  const database = account.database(idOrName);
  if (database === undefined) throw notFound.database(idOrName);
  return database;
}

function describe({ uuid, name, jurisdiction, created_at }: Database) {
  return { uuid, name, created_at, version: "production", jurisdiction: jurisdiction ?? null };
}
