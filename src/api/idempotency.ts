import type { Context, MiddlewareHandler } from "hono";
import { z } from "zod";
import { readConfig } from "../env.ts";
import { digestOf } from "../platform/digest.ts";
import { hmacSha256 } from "../platform/hmac.ts";
import { logFailure } from "../platform/log.ts";
import { encrypt, decrypt } from "../platform/encryption.ts";
import type { World } from "../platform/world.ts";
import type { Database } from "../store/database.ts";
import { claimKey, endLease, freeKey, keepAnswer } from "../store/idempotency-keys.ts";
import { refuse } from "./refusals.ts";
import { type OperatorEnv, invalidRequest } from "./requests.ts";

const KEPT_MS = 86_400_000;

/** Longer than any operation takes: a try that still holds its lease after that was cut short. */
const LEASE_MS = 60_000;

export const MAX_KEY_CHARACTERS = 255;
export const keyPattern = /^[\x21-\x7e]+$/;

/**
 * Honours `Idempotency-Key` on every POST: a request that is repeated under its key is done once and gets the same answer.
 * Answers are stored encrypted, because they can hold a secret.
 *
 * A try can be cut short after its writes and before its answer. The next try then repeats it exactly: its time and the seed
 * of its random bytes are stored before it begins, so that it makes the same id and the same secret, and every write is
 * idempotent. An encryption nonce is repeated only with the text that it encrypted before.
 */
export function honourIdempotencyKeys(world: World): MiddlewareHandler<OperatorEnv> {
  return async (c, next) => {
    const key = c.req.header("idempotency-key");
    if (c.req.method !== "POST" || key === undefined) return next();
    if (!keyPattern.test(key) || key.length > MAX_KEY_CHARACTERS) {
      const message = `must be 1 to ${MAX_KEY_CHARACTERS} visible ASCII characters`;
      throw invalidRequest([{ path: "idempotency-key", message }]);
    }
    const { DB } = c.env;
    const keys = readConfig(c.env).encryptionKeys;
    const id = await digestOf(JSON.stringify([c.get("caller")?.tokenId ?? null, key]));
    const now = world.now();
    const wanted = {
      request: await digestOfRequest(c.req.raw),
      createdAt: now,
      claim: world.randomBytes(8).toHex(),
      leasedUntil: now + LEASE_MS,
      content: await encrypt(keys, world.randomBytes(32).toBase64(), id, world),
    };
    const found = await claimKey(DB, id, wanted, now - KEPT_MS);
    if (found.request !== wanted.request) throw refuse("idempotency_key_reused");
    if (found.status === null && found.claim !== wanted.claim) {
      const seconds = Math.ceil(Math.max(1_000, found.leasedUntil - now) / 1000);
      throw refuse("idempotency_in_progress", { headers: { "retry-after": String(seconds) } });
    }
    const content = await decrypt(keys, found.content, id);
    if (content === null) throw refuse("idempotency_key_reused", { detail: CANNOT_BE_DECRYPTED });
    if (found.status !== null) return repeatAnswer(found.status, content);

    c.set("firstTry", { ...world, now: () => found.createdAt, randomBytes: await randomBytesFrom(content) });
    await next();
    // Without a stored answer the next try repeats this one.
    await settle(c.res, DB, { id, claim: wanted.claim, encrypted: (text) => encrypt(keys, text, id, world) }).catch(
      (error: unknown) => logFailure("api", error, { message: "idempotency_key.settle_failed" }),
    );
  };
}

interface ClaimedKey {
  readonly id: string;
  readonly claim: string;
  readonly encrypted: (text: string) => Promise<string>;
}

async function settle(response: Response, db: Database, { id, claim, encrypted }: ClaimedKey): Promise<void> {
  if (response.status < 400) {
    const answer = { contentType: response.headers.get("content-type"), body: await response.clone().text() };
    await keepAnswer(db, id, claim, { status: response.status, content: await encrypted(JSON.stringify(answer)) });
  } else if (response.status < 500) await freeKey(db, id, claim);
  // Some of its writes may have happened: the key stays, and the next try need not wait.
  else await endLease(db, id, claim);
}

const CANNOT_BE_DECRYPTED =
  "The answer under this key can no longer be decrypted. Check what the first request did, then use another key.";

/** The world of a request: under a key, with the time and the random bytes of its first try. */
export function worldOf(c: Context<OperatorEnv>, world: World): World {
  return c.get("firstTry") ?? world;
}

async function digestOfRequest(request: Request): Promise<string> {
  const { pathname, search } = new URL(request.url);
  const body = new Uint8Array(await request.clone().arrayBuffer());
  return digestOf(JSON.stringify([request.method, pathname + search, body.toBase64()]));
}

const storedAnswer = z.object({ contentType: z.string().nullable(), body: z.string() });

function repeatAnswer(status: number, content: string): Response {
  const { contentType, body } = storedAnswer.parse(JSON.parse(content));
  return new Response(body === "" ? null : body, {
    status,
    headers: { ...(contentType === null ? {} : { "content-type": contentType }), "idempotency-replayed": "true" },
  });
}

/** Blocks of 32 bytes: several times what an operation needs for its ids, a secret and its encryption. */
const BLOCKS = 16;

/** Random bytes that are the same in each try, and secret without the seed. */
async function randomBytesFrom(seed: string): Promise<World["randomBytes"]> {
  const blocks = await Promise.all(
    Array.from({ length: BLOCKS }, (_, block) => hmacSha256(seed, Uint8Array.of(block))),
  );
  const rest = blocks.flatMap((block) => [...block]);
  return (length) => {
    if (rest.length < length) throw new Error("An operation needs more random bytes than a key provides");
    return Uint8Array.from(rest.splice(0, length));
  };
}
