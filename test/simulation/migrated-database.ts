import { readFileSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expectedMigrations } from "../../src/store/expected-migrations.ts";

const migrations = path.join(import.meta.dirname, "../../migrations");

/** What has been applied, as `wrangler d1 migrations apply` notes it down. */
export const noteMigrationsSql = `
  INSERT INTO d1_migrations (id, name, applied_at)
  VALUES ${expectedMigrations.map((name, index) => `(${index + 1}, '${name}', '2026-03-01 00:00:00')`).join(", ")}`;

/** An empty database after all migrations, as SQLite would write it to a file. */
export const migratedDatabase: Uint8Array = migrate();

function migrate(): Uint8Array {
  const db = new DatabaseSync(":memory:");
  db.exec(`
    CREATE TABLE d1_migrations (
      id         INTEGER PRIMARY KEY AUTOINCREMENT,
      name       TEXT UNIQUE,
      applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
    )`);
  for (const name of expectedMigrations) {
    db.exec(readFileSync(path.join(migrations, name), "utf8"));
  }
  db.exec(noteMigrationsSql);
  const bytes = db.serialize();
  db.close();
  return bytes;
}
