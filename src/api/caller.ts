import { ConfigError, type ConfigFault } from "../config.ts";
import { type Env, readConfig } from "../env.ts";
import { equalInConstantTime } from "../platform/hmac.ts";
import { type Access, type NamedToken, findToken, findTokenByDigest, noteUse } from "../store/tokens.ts";
import { refuse } from "./refusals.ts";
import { isOwnTokenText } from "./token-text.ts";

/** Who acts. */
export interface Actor {
  /** For the audit trail and the log: that of the token, or the e-mail address of whom Cloudflare Access let in. */
  readonly name: string;
  readonly access: Access;
}

/** Who is let in by a token. */
export interface Caller extends Actor {
  /** Null for the bearer of ADMIN_TOKEN. */
  readonly tokenId: string | null;
}

/** The name under which the bearer of ADMIN_TOKEN acts. */
export const ADMIN = "admin";

const admin: Caller = { name: ADMIN, access: "full", tokenId: null };

/** As `last_used_at` is kept: a row for each request would be a row too many. */
const USE_IS_NOTED_AFTER_MS = 3_600_000;

/** Hex SHA-256 of a token: what D1 knows of it. */
export async function digestOf(token: string): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token))).toHex();
}

/**
 * Whose token was presented; null for nobody's. D1 is asked for those alone that this relay has made. The admin token is told
 * without D1: it lets in while that is down.
 */
export async function findCaller(presented: string, digest: string, env: Env, now: number): Promise<Caller | null> {
  if (equalInConstantTime(Uint8Array.fromHex(digest), Uint8Array.fromHex(await digestOf(adminTokenOf(env)))))
    return admin;
  if (!(await isOwnTokenText(readConfig(env), presented))) return null;
  const token = await findTokenByDigest(env.DB, digest);
  if (token === null) return null;
  if ((token.lastUsedAt ?? 0) + USE_IS_NOTED_AFTER_MS <= now) await noteUse(env.DB, token.id, now);
  return toCaller(token);
}

/** Who was let in under a token before, as that is now; null once it is revoked. Null stands for the admin token. */
export async function findCallerAgain(tokenId: string | null, env: Env): Promise<Caller | null> {
  if (tokenId === null) return admin;
  const token = await findToken(env.DB, tokenId);
  return token === null ? null : toCaller(token);
}

function toCaller({ id, name, access }: NamedToken): Caller {
  return { name, access, tokenId: id };
}

/** Throws a refusal while none is set that counts, or a variable cannot be read; the refusal says what is wrong. */
export function adminTokenOf(env: Env): string {
  try {
    const { adminToken, faults } = readConfig(env);
    if (adminToken !== "") return adminToken;
    throw notConfigured(faults.filter(({ variable }) => variable === "ADMIN_TOKEN"));
  } catch (error) {
    throw error instanceof ConfigError ? notConfigured(error.faults) : error;
  }
}

function notConfigured(faults: readonly ConfigFault[]) {
  return refuse("not_configured", { detail: `${faults.map(({ message }) => message).join("; ")}.` });
}
