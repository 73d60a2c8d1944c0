import { readFileSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createMigrationTableSql, expectedMigrations } from "../../src/store/migrations.ts";

const directory = path.join(import.meta.dirname, "../../migrations");

/** What has been applied, as `wrangler d1 migrations apply` notes it down. */
export const noteMigrationsSql = `
  INSERT INTO d1_migrations (id, name, applied_at)
  VALUES ${expectedMigrations.map((name, index) => `(${index + 1}, '${name}', '2026-03-01 00:00:00')`).join(", ")}`;

/** SQL that makes an empty database one after all migrations. */
export const migrationsSql = [
  createMigrationTableSql,
  ...expectedMigrations.map((name) => readFileSync(path.join(directory, name), "utf8")),
  noteMigrationsSql,
].join(";\n");

/** The same as SQLite would write it to a file. */
export const migratedDatabase: Uint8Array = migrate();

function migrate(): Uint8Array {
  const db = new DatabaseSync(":memory:");
  db.exec(migrationsSql);
  const bytes = db.serialize();
  db.close();
  return bytes;
}
