import { readdirSync } from "node:fs";
import path from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";

/** Writes rows beneath a relay on this machine: what is old, and what only a fault of the platform brings about. */
export function insertBeneath(stateDirectory: string, table: string, rows: readonly Record<string, SQLInputValue>[]) {
  withDatabase(stateDirectory, (database) => {
    for (const row of rows) {
      const names = Object.keys(row);
      const places = names.map(() => "?").join(", ");
      database.prepare(`INSERT INTO ${table} (${names.join(", ")}) VALUES (${places})`).run(...Object.values(row));
    }
  });
}

/** The same with statements. */
export function runBeneath(stateDirectory: string, ...statements: readonly string[]): void {
  withDatabase(stateDirectory, (database) => statements.forEach((statement) => database.exec(statement)));
}

function withDatabase(stateDirectory: string, change: (database: DatabaseSync) => void): void {
  const directory = path.join(stateDirectory, "v3/d1/miniflare-D1DatabaseObject");
  const [file] = readdirSync(directory).filter((name) => /^[0-9a-f]+\.sqlite$/.test(name));
  if (file === undefined) throw new Error("D1 has no file");
  const database = new DatabaseSync(path.join(directory, file), { timeout: 30_000 });
  try {
    change(database);
  } finally {
    database.close();
  }
}
