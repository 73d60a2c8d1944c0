import { z } from "zod";
import type { Database } from "./database.ts";
import { appliedMigrationsSql, expectedMigrations, namesMissingTable } from "./migrations.ts";
import { rowsOf } from "./rows.ts";

/** The database lacks what this version of the relay needs. The message is the stack, because where it was thrown says nothing. */
export class SchemaMissing extends Error {
  override readonly name = "SchemaMissing";

  constructor(message: string) {
    super(message);
    this.stack = message;
  }
}

/** What the database lacks and what to do, for logs and people. */
export function describeMissing(migrations: readonly string[]): string {
  const them = migrations.length === 1 ? "it" : "them";
  return `The database lacks ${migrations.join(", ")}. Run \`npm run deploy\`, which applies ${them}.`;
}

/** Whether a D1 call failed because a table or a column is not there. */
export function isSchemaFault(error: unknown): error is Error {
  return error instanceof SchemaMissing || namesMissingTable(error);
}

/** Databases that have every migration. They keep them while an isolate lives. */
const migrated = new WeakSet<Database>();

/**
 * Makes a D1 batch that fails unless the schema is that of this version. The first one of an isolate also reads which migrations
 * have been applied. Throws SchemaMissing; the statements may have been executed nevertheless.
 */
export async function batchOnSchema(db: Database, statements: readonly D1PreparedStatement[]): Promise<D1Result[]> {
  const isKnown = migrated.has(db);
  try {
    if (isKnown) return await db.batch([...statements]);
    // First, so that an empty database fails by it.
    const [applied, ...results] = await db.batch([db.prepare(appliedMigrationsSql), ...statements]);
    const missing = missingAmong(migrationNames(applied));
    if (missing.length > 0) throw new SchemaMissing(describeMissing(missing));
    migrated.add(db);
    return results;
  } catch (error) {
    throw isSchemaFault(error) ? toSchemaMissing(error, null) : error;
  }
}

/** An error for the log. A fault of the schema names the missing migrations. */
export async function describeSchemaFault(db: Database, error: unknown): Promise<unknown> {
  return isSchemaFault(error) ? explainSchemaFault(db, error) : error;
}

export async function explainSchemaFault(db: Database, error: Error): Promise<SchemaMissing> {
  return toSchemaMissing(error, await readAppliedMigrations(db).then(missingAmong, () => null));
}

/** `missing`: null when it is not known. Then D1's own message has to do. */
function toSchemaMissing(error: Error, missing: readonly string[] | null): SchemaMissing {
  if (error instanceof SchemaMissing) return error;
  const names = missing ?? (error.message.includes("d1_migrations") ? expectedMigrations : []);
  if (names.length > 0) return new SchemaMissing(describeMissing(names));
  return new SchemaMissing(
    `The database lacks a table or a column (${error.message}). Run \`npm run deploy\`, which applies what is missing.`,
  );
}

const migrationRow = z.object({ name: z.string() });

/** What `appliedMigrationsSql` has found. */
export function migrationNames(result: D1Result | undefined): string[] {
  return rowsOf(migrationRow, result).map(({ name }) => name);
}

/** The migrations that this version needs and that have not been applied. */
export function missingAmong(applied: readonly string[]): string[] {
  return expectedMigrations.filter((name) => !applied.includes(name));
}

/** Names of the migrations that have been applied; none while their table is missing. */
export async function readAppliedMigrations(db: Database): Promise<string[]> {
  try {
    return migrationNames(await db.prepare(appliedMigrationsSql).all());
  } catch (error) {
    if (isSchemaFault(error)) return [];
    throw error;
  }
}
