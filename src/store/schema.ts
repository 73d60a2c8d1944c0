import { z } from "zod";

/** wrangler keeps this table. */
export const appliedMigrationsSql = "SELECT name FROM d1_migrations ORDER BY id";

/** A statement; its rows are for `readMigrations`. */
export function appliedMigrations(db: D1Database): D1PreparedStatement {
  return db.prepare(appliedMigrationsSql);
}

export function readMigrations(rows: readonly unknown[]): string[] {
  return z
    .array(z.object({ name: z.string() }))
    .parse(rows)
    .map(({ name }) => name);
}
