import { z } from "zod";
import { writeAll } from "./batch.ts";
import { type Database, write } from "./database.ts";
import { reader } from "./rows.ts";

/** An operator's request to connect. */
export interface Authorization {
  /** Digest of the state that Qonto sends back. */
  readonly state: string;
  /** Digest of what the operator's browser keeps. */
  readonly owner: string;
  /** Of PKCE, encrypted. */
  readonly verifier: string;
  readonly redirectUri: string;
  /** Unix milliseconds. */
  readonly createdAt: number;
}

export const recordAuthorizationSql = `
  INSERT INTO authorizations (state, owner, verifier, redirect_uri, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
  ON CONFLICT (state) DO NOTHING`;

export async function recordAuthorization(
  db: Database,
  { state, owner, verifier, redirectUri, createdAt }: Authorization,
): Promise<void> {
  await write(db, db.prepare(recordAuthorizationSql).bind(state, owner, verifier, redirectUri, createdAt));
}

export const useAuthorizationSql = `
  UPDATE authorizations SET used_at = ?3
  WHERE state = ?1 AND owner = ?2 AND used_at IS NULL AND created_at > ?4
  RETURNING verifier, redirect_uri AS redirectUri`;

const readUsable = reader({ verifier: z.string(), redirectUri: z.string() });

/** Why an authorization cannot be used is asked in the same transaction, but before. */
export const authorizationSql = `
  SELECT owner = ?2 AS isOwners, used_at IS NOT NULL AS isUsed FROM authorizations WHERE state = ?1`;

const readAuthorization = reader({ isOwners: z.number(), isUsed: z.number() });

export type UsedAuthorization =
  | ({ readonly state: "usable" } & Pick<Authorization, "verifier" | "redirectUri">)
  | { readonly state: "unknown" | "not_owner" | "used" | "expired" };

/**
 * Uses up an authorization for its owner, once. Anybody else who presents its state does not use it up. One that was created at
 * `expiredAt` or before has expired.
 */
export async function useAuthorization(
  db: Database,
  { state, owner }: Pick<Authorization, "state" | "owner">,
  { now, expiredAt }: { readonly now: number; readonly expiredAt: number },
): Promise<UsedAuthorization> {
  const { before, used } = await writeAll(db, {
    before: db.prepare(authorizationSql).bind(state, owner),
    used: db.prepare(useAuthorizationSql).bind(state, owner, now, expiredAt),
  });
  const [usable] = used.rows;
  if (usable !== undefined) return { state: "usable", ...readUsable(usable) };
  const [known] = before.rows;
  if (known === undefined) return { state: "unknown" };
  const { isOwners, isUsed } = readAuthorization(known);
  if (isOwners === 0) return { state: "not_owner" };
  return { state: isUsed === 1 ? "used" : "expired" };
}
