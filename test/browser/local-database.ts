import { readdirSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { LocalRelay } from "../node/end-to-end/local-relay.ts";

/** Writes rows beneath a relay on this machine: what only a fault of the platform brings about. */
export function insertBeneath(
  relay: LocalRelay,
  table: string,
  rows: readonly Record<string, string | number | null>[],
) {
  const directory = relay.path(".wrangler/state/v3/d1/miniflare-D1DatabaseObject");
  const [file] = readdirSync(directory).filter((name) => /^[0-9a-f]+\.sqlite$/.test(name));
  if (file === undefined) throw new Error("D1 has no file");
  const database = new DatabaseSync(path.join(directory, file), { timeout: 5_000 });
  try {
    for (const row of rows) {
      const names = Object.keys(row);
      const places = names.map(() => "?").join(", ");
      database.prepare(`INSERT INTO ${table} (${names.join(", ")}) VALUES (${places})`).run(...Object.values(row));
    }
  } finally {
    database.close();
  }
}
