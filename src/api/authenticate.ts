import type { MiddlewareHandler } from "hono";
import { type Config, ConfigError, type ConfigFault } from "../config.ts";
import { type Env, readConfig } from "../env.ts";
import { digestOf } from "../platform/digest.ts";
import { equalInConstantTime, hmacSha256, verifyHmacSha256, withPrefix } from "../platform/hmac.ts";
import type { World } from "../platform/world.ts";
import { type NamedToken, findToken, findTokenByDigest, noteUse } from "../store/tokens.ts";
import { refuse } from "./refusals.ts";
import type { Caller, OperatorEnv } from "./requests.ts";
import { ADMIN } from "./schemas/token.ts";
import { Throttle } from "./throttle.ts";

const THROTTLED_SECONDS = 60;

/** `last_used_at` is exact to the hour: a write for each request would be too many. */
const USE_IS_NOTED_AFTER_MS = 3_600_000;

const admin: Caller = { name: ADMIN, access: "full", destinationId: null, tokenId: null };

/**
 * Lets in the bearer of the admin token or of a named one. A read-only token can only read; what that of a destination may call,
 * `destination-access.ts` says.
 */
export function authenticate(world: Pick<World, "now">): MiddlewareHandler<OperatorEnv> {
  const throttle = new Throttle();
  return async (c, next) => {
    // Throws: without ADMIN_TOKEN the answer is `not_configured`, whatever was presented.
    adminTokenOf(c.env);
    const presented = /^Bearer +(.+)$/i.exec(c.req.header("authorization") ?? "")?.[1]?.trim();
    if (presented === undefined) throw unauthorized();
    const address = c.req.header("cf-connecting-ip");
    const caller = await recognize(presented, { env: c.env, now: world.now(), throttle, address });
    if (caller === null) throw unauthorized();
    if (caller.access === "read" && !["GET", "HEAD"].includes(c.req.method)) throw refuse("forbidden");
    c.set("caller", caller);
    await next();
  };
}

function unauthorized() {
  return refuse("unauthorized", { headers: { "www-authenticate": "Bearer" } });
}

/** Finds the bearer of a token; null for an unknown one. Throws a refusal after too many wrong ones from the address. */
export async function recognize(
  presented: string,
  { env, now, throttle, address }: { env: Env; now: number; throttle: Throttle; address: string | undefined },
): Promise<Caller | null> {
  const digest = await digestOf(presented);
  if (await throttle.refuses(digest, address, env)) {
    throw refuse("too_many_requests", { headers: { "retry-after": String(THROTTLED_SECONDS) } });
  }
  const caller = await findCaller(presented, digest, env, now);
  throttle.note(digest, caller !== null);
  return caller;
}

/** The admin token needs no D1: its bearer is let in while D1 is down. D1 is asked only for tokens that this relay made. */
async function findCaller(presented: string, digest: string, env: Env, now: number): Promise<Caller | null> {
  const digestOfAdmin = await digestOf(adminTokenOf(env));
  if (equalInConstantTime(Uint8Array.fromHex(digest), Uint8Array.fromHex(digestOfAdmin))) return admin;
  if (!(await isOwnTokenText(readConfig(env), presented))) return null;
  const token = await findTokenByDigest(env.DB, digest);
  if (token === null) return null;
  if ((token.lastUsedAt ?? 0) + USE_IS_NOTED_AFTER_MS <= now) await noteUse(env.DB, token.id, now);
  return toCaller(token);
}

/** The present state of a caller who was let in before; null once the token is revoked. A null id is the admin token's. */
export async function findCallerAgain(tokenId: string | null, env: Env): Promise<Caller | null> {
  if (tokenId === null) return admin;
  const token = await findToken(env.DB, tokenId);
  return token === null ? null : toCaller(token);
}

function toCaller({ id, name, access, destinationId }: NamedToken): Caller {
  return { name, access, destinationId, tokenId: id };
}

/** Throws `not_configured` without a valid ADMIN_TOKEN, or while a variable cannot be read. */
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

const PREFIX = "qrt_";

/** Together with the MAC a multiple of three: base64 has one spelling for them. */
const RANDOM_BYTES = 28;
const MAC_BYTES = 32;

const isTokenText = new RegExp(`^${PREFIX}[\\w-]{${((RANDOM_BYTES + MAC_BYTES) / 3) * 4}}$`);

type Keys = Pick<Config, "trustedKeys">;

/** The text of a new named token: random bytes, and a MAC that proves that this relay made them. */
export async function makeTokenText(
  { trustedKeys }: Keys,
  { randomBytes }: Pick<World, "randomBytes">,
): Promise<string> {
  const [first] = trustedKeys;
  if (first === undefined) throw new Error("There is no key to make a token with");
  const random = randomBytes(RANDOM_BYTES);
  const mac = await hmacSha256(await macKeyOf(first), random);
  return PREFIX + Uint8Array.of(...random, ...mac).toBase64({ alphabet: "base64url" });
}

/** Whether this relay made a token, under any of its keys. Made-up tokens cause no D1 call. */
async function isOwnTokenText({ trustedKeys }: Keys, text: string): Promise<boolean> {
  if (!isTokenText.test(text)) return false;
  const bytes = Uint8Array.fromBase64(text.slice(PREFIX.length), { alphabet: "base64url" });
  const [random, mac] = [bytes.slice(0, RANDOM_BYTES), bytes.slice(RANDOM_BYTES)];
  for (const key of trustedKeys) if (await verifyHmacSha256(await macKeyOf(key), mac, random)) return true;
  return false;
}

/** A key of its own for tokens: the configured keys encrypt and sign sessions as well. */
function macKeyOf(key: string): Promise<Uint8Array<ArrayBuffer>> {
  return hmacSha256(key, withPrefix("qonto-relay named token", new Uint8Array()));
}
