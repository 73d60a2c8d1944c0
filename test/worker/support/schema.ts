import { applyD1Migrations } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { z } from "zod";

const named = z.array(z.object({ name: z.string() }));

/** D1 as `wrangler deploy` creates it: without a table. */
export async function dropTables(): Promise<void> {
  const { results } = await env.DB.prepare(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '%cf!_%' ESCAPE '!'",
  ).all();
  const tables = named.parse(results);
  if (tables.length > 0) await env.DB.batch(tables.map(({ name }) => env.DB.prepare(`DROP TABLE ${name}`)));
}

export async function migrate(): Promise<void> {
  await applyD1Migrations(env.DB, env.MIGRATIONS);
}

/** The schema of a version before the last migration: its tables are there, and the migration is not noted. */
export async function forgetLastMigration(): Promise<void> {
  await env.DB.prepare("DELETE FROM d1_migrations WHERE id = (SELECT max(id) FROM d1_migrations)").run();
}

export async function noteLastMigration(): Promise<void> {
  await env.DB.prepare("INSERT INTO d1_migrations (name) VALUES (?1)").bind(env.MIGRATIONS.at(-1)?.name).run();
}
