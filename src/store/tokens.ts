import { z } from "zod";
import { type Database, write } from "./database.ts";
import { rowsOf } from "./rows.ts";

const columns = "id, name, access, created_at AS createdAt, last_used_at AS lastUsedAt";

const tokenRow = z.object({
  id: z.string(),
  name: z.string(),
  access: z.enum(["read", "full"]),
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
  INSERT INTO tokens (id, name, access, digest, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
  ON CONFLICT (name) DO UPDATE SET name = excluded.name WHERE id = excluded.id
  RETURNING id`;

/** Returns false when the name is taken. */
export async function insertToken(db: Database, token: NamedToken, digest: string): Promise<boolean> {
  const { id, name, access, createdAt } = token;
  const statement = db.prepare(insertTokenSql).bind(id, name, access, digest, createdAt);
  return (await write(db, statement)).results.length > 0;
}

export const deleteTokenSql = "DELETE FROM tokens WHERE id = ?1";

export async function deleteToken(db: Database, id: string): Promise<void> {
  await write(db, db.prepare(deleteTokenSql).bind(id));
}

export const noteUseSql = "UPDATE tokens SET last_used_at = ?2 WHERE id = ?1";

export async function noteUse(db: Database, id: string, now: number): Promise<void> {
  await db.prepare(noteUseSql).bind(id, now).run();
}
