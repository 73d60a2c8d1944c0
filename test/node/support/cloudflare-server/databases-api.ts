import { type Context, Hono } from "hono";
import { failure, notFound, success } from "./answers.ts";
import { type Emulation, type Variables, bodyOf, timestamp } from "./context.ts";
import { Database } from "./databases.ts";
import { page } from "./paging.ts";

/** What wrangler writes after a migration, in the same request. */
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
