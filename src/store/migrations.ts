import type { D1Database } from "@cloudflare/workers-types";

/** The migrations that this version of the relay needs, as the folder `migrations` has them. */
export const expectedMigrations: readonly string[] = [
  "0001_schema.sql",
  "0002_connections.sql",
  "0003_step_failures.sql",
  "0004_destination_features.sql",
  "0005_destination_tokens.sql",
  "0006_operational_events.sql",
  "0007_relay_url.sql",
];

/** The table in which wrangler keeps what it has applied, so that a database may be migrated by either. */
export const createMigrationTableSql = `
  CREATE TABLE IF NOT EXISTS d1_migrations (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT UNIQUE,
    applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
  )`;

export const appliedMigrationsSql = "SELECT name FROM d1_migrations ORDER BY id";

export const noteMigrationSql = "INSERT INTO d1_migrations (name) VALUES (?1)";

/** As SQLite says it. */
const missing = ["no such table", "no such column", "has no column named"];

/** Whether a call of the database failed because a table or a column is not there. */
export function namesMissingTable(error: unknown): error is Error {
  return error instanceof Error && missing.some((text) => error.message.includes(text));
}

/** A later version of the relay has migrated the database. */
export class UnknownMigrations extends Error {
  readonly names: readonly string[];

  constructor(names: readonly string[]) {
    super(`The database has had migrations that this version of the relay does not know: ${names.join(", ")}`);
    this.names = names;
  }
}

/** Applies the migrations that the database lacks, each whole or not at all. Throws UnknownMigrations. */
export async function applyMigrations(db: D1Database, readMigration: (name: string) => string): Promise<void> {
  await db.prepare(createMigrationTableSql).run();
  const { results } = await db.prepare(appliedMigrationsSql).all();
  const applied = new Set(results.map((row) => String(row["name"])));
  const unknown = applied.difference(new Set(expectedMigrations));
  if (unknown.size > 0) throw new UnknownMigrations([...unknown]);
  for (const name of expectedMigrations.filter((expected) => !applied.has(expected))) {
    const migrationSql = readMigration(name);
    await db.batch([db.prepare(migrationSql), db.prepare(noteMigrationSql).bind(name)]);
  }
}

/** What `npm run deploy` asks the database through Cloudflare's API. */
export const latestEventSql = "SELECT type, received_at FROM events WHERE seq = (SELECT max(seq) FROM events)";

/** A row, if there is a destination. */
export const anyDestinationSql = "SELECT 1 AS found FROM destinations LIMIT 1";
