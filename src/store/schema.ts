import { z } from "zod";
import type { Database } from "./database.ts";

/** wrangler keeps this table. */
export const appliedMigrationsSql = "SELECT name FROM d1_migrations ORDER BY id";

/** Names of the migrations that have been applied; none while wrangler's table is not there. */
export async function readAppliedMigrations(db: Database): Promise<string[]> {
  try {
    const { results } = await db.prepare(appliedMigrationsSql).all();
    return migrationRows.parse(results).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Error && error.message.includes("no such table")) return [];
    throw error;
  }
}

const migrationRows = z.array(z.object({ name: z.string() }));
