import { z } from "zod";
import { type Database, write } from "./database.ts";
import { rowsOf } from "./rows.ts";

const columns =
  "id, name, access, destination_id AS destinationId, created_at AS createdAt, last_used_at AS lastUsedAt";

const tokenRow = z.object({
  id: z.string(),
  name: z.string(),
  access: z.enum(["read", "full", "destination"]),
  /** Whose token it is; null unless its access is that of a destination. */
  destinationId: z.string().nullable(),
  /** Unix milliseconds. */
  createdAt: z.number(),
  /** Unix milliseconds, to the hour. */
  lastUsedAt: z.number().nullable(),
});

/** A named token. Of the token itself only a digest is kept. */
export type NamedToken = z.output<typeof tokenRow>;

export type Access = NamedToken["access"];

export const findByDigestSql = `SELECT ${columns} FROM tokens WHERE digest = ?1`;

export async function findTokenByDigest(db: Database, digest: string): Promise<NamedToken | null> {
  return tokenRow.nullable().parse(await db.prepare(findByDigestSql).bind(digest).first());
}

export const findTokenSql = `SELECT ${columns} FROM tokens WHERE id = ?1`;

export async function findToken(db: Database, id: string): Promise<NamedToken | null> {
  return tokenRow.nullable().parse(await db.prepare(findTokenSql).bind(id).first());
}

export const listTokensSql = `SELECT ${columns} FROM tokens WHERE id > ?1 ORDER BY id LIMIT ?2`;

/** In the order of their creation. */
export async function listTokens(db: Database, after: string, limit: number): Promise<NamedToken[]> {
  return rowsOf(tokenRow, await db.prepare(listTokensSql).bind(after, limit).all());
}

export const insertTokenSql = `
  INSERT INTO tokens (id, name, access, destination_id, digest, created_at)
  SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE ?4 IS NULL OR EXISTS (SELECT 1 FROM destinations WHERE id = ?4)
  ON CONFLICT (name) DO UPDATE SET name = excluded.name WHERE id = excluded.id
  RETURNING id`;

/** Returns false when the name is taken, or when there is no such destination. */
export async function insertToken(db: Database, token: NamedToken, digest: string): Promise<boolean> {
  const { id, name, access, destinationId, createdAt } = token;
  const statement = db.prepare(insertTokenSql).bind(id, name, access, destinationId, digest, createdAt);
  return (await write(db, statement)).results.length > 0;
}

export const deleteTokenSql = "DELETE FROM tokens WHERE id = ?1";

export async function deleteToken(db: Database, id: string): Promise<void> {
  await write(db, db.prepare(deleteTokenSql).bind(id));
}

export const deleteTokensOfDestinationSql = "DELETE FROM tokens WHERE destination_id = ?1";

/** A statement, for the transaction that deletes the destination. */
export function deleteTokensOfDestination(db: Database, destinationId: string): D1PreparedStatement {
  return db.prepare(deleteTokensOfDestinationSql).bind(destinationId);
}

export const noteUseSql = "UPDATE tokens SET last_used_at = ?2 WHERE id = ?1";

export async function noteUse(db: Database, id: string, now: number): Promise<void> {
  await db.prepare(noteUseSql).bind(id, now).run();
}
