import { readFileSync, readdirSync } from "node:fs";
import { ApiError, CommandFailed } from "./api.ts";
import { type Surroundings, pathTo } from "./command.ts";

/** `d1 migrations apply DB --remote` */
export async function applyMigrations(surroundings: Surroundings, binding: string): Promise<void> {
  const { printer, configuration } = surroundings;
  const database = configuration.d1_databases.find((one) => one.binding === binding);
  if (database === undefined) throw new CommandFailed(`Couldn't find a D1 DB with the name or binding '${binding}'`);
  const directory = pathTo(database.migrations_dir);
  const query = (sql: string) => execute(surroundings, database.database_name, binding, sql);
  printer.log("Resource location: remote ");
  await query(CREATE_TABLE);
  const [applied] = await query(LIST);
  const names = new Set(applied.results.map(({ name }: { name: string }) => name));
  const pending = readdirSync(directory)
    .filter((file) => file.endsWith(".sql") && !names.has(file))
    .toSorted();
  if (pending.length === 0) return printer.log("✅ No migrations to apply!");
  printer.log("Migrations to be applied:");
  printer.table(
    ["name"],
    pending.map((name) => [name]),
  );
  const status = new Map(pending.map((name) => [name, "🕒️"]));
  for (const name of pending) {
    const sql = readFileSync(`${directory}/${name}`, "utf8");
    await query(`${sql}\nINSERT INTO "d1_migrations" (name)\nvalues ('${name}');`);
    status.set(name, "✅");
    printer.table(["name", "status"], [...status]);
  }
}

/** Each request looks for the database again. */
async function execute({ api, account }: Surroundings, name: string, binding: string, sql: string): Promise<any> {
  const found = await api
    .result(`${account}/d1/database/${name}`, { query: { fields: "uuid,name" } })
    .catch((error) => {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
      throw new CommandFailed(
        `Couldn't find a D1 DB named '${name}' (bound as '${binding}') in the API. Run 'wrangler d1 create ${name}' to create it.`,
      );
    });
  return api.result(`${account}/d1/database/${found.uuid}/query`, { method: "POST", json: { sql } });
}

const CREATE_TABLE = `CREATE TABLE IF NOT EXISTS "d1_migrations"(
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  name       TEXT UNIQUE,
  applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
);`;

const LIST = `SELECT * FROM "d1_migrations" ORDER BY id`;
