import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { z } from "zod";
import type { Config } from "../../env.ts";
import { withPrefix, hmacSha256, verifyHmacSha256 } from "../../platform/hmac.ts";
import type { World } from "../../platform/world.ts";
import { type ConsoleContext, ROOT } from "../requests.ts";

/** A login ends after it, used or not. */
const SESSION_SECONDS = 8 * 3_600;

const COOKIE = "relay_console";

/** What the cookie holds. Of the token it holds the id alone, so a revoked token ends its sessions. */
const session = z.object({
  /** Random. The form token is made of it. */
  id: z.string(),
  /** Null for ADMIN_TOKEN. */
  tokenId: z.string().nullable(),
  /** Unix milliseconds. */
  expiresAt: z.number(),
});

type Session = z.output<typeof session>;

type Keys = Pick<Config, "adminToken" | "encryptionKeys">;

const base64Url = { alphabet: "base64url", omitPadding: true } as const;

/** Gives the browser a cookie with a new session and its signature. */
export async function beginSession(
  c: ConsoleContext,
  keys: Keys,
  tokenId: string | null,
  { now, randomBytes }: Pick<World, "now" | "randomBytes">,
): Promise<void> {
  const id = randomBytes(16).toBase64(base64Url);
  const begun: Session = { id, tokenId, expiresAt: now() + SESSION_SECONDS * 1000 };
  const bytes = new TextEncoder().encode(JSON.stringify(begun));
  const signature = await hmacSha256(await keyOf(keys), withPrefix("session\n", bytes));
  const text = `${bytes.toBase64(base64Url)}.${signature.toBase64(base64Url)}`;
  setCookie(c, COOKIE, text, { ...attributesFor(c), maxAge: SESSION_SECONDS });
}

/** The session of the browser's cookie; null without one, when its signature is wrong, or when it has expired. */
export async function readSession(c: ConsoleContext, keys: Keys, now: number): Promise<Session | null> {
  const [content = "", signature = ""] = getCookie(c, COOKIE)?.split(".") ?? [];
  const bytes = tryDecode(content);
  const claimed = tryDecode(signature);
  if (bytes === null || claimed === null) return null;
  if (!(await verifyHmacSha256(await keyOf(keys), claimed, withPrefix("session\n", bytes)))) return null;
  const read = session.parse(JSON.parse(new TextDecoder().decode(bytes)));
  return read.expiresAt > now ? read : null;
}

export function endSession(c: ConsoleContext): void {
  deleteCookie(c, COOKIE, attributesFor(c));
}

/** `Secure` by https alone: by http a browser would not send the cookie back. */
function attributesFor(c: ConsoleContext) {
  const secure = new URL(c.req.url).protocol === "https:";
  return { path: ROOT, httpOnly: true, secure, sameSite: "Strict" } as const;
}

/** Another site cannot read the token, so it cannot send a form. `id`: of who is logged in. */
export async function formTokenOf(keys: Keys, id: string): Promise<string> {
  const signature = await hmacSha256(await keyOf(keys), formMessage(id));
  return signature.toBase64(base64Url);
}

export async function isFormTokenOf(keys: Keys, id: string, presented: unknown): Promise<boolean> {
  const claimed = typeof presented === "string" ? tryDecode(presented) : null;
  return claimed !== null && verifyHmacSha256(await keyOf(keys), claimed, formMessage(id));
}

function formMessage(id: string) {
  return withPrefix("form\n", new TextEncoder().encode(id));
}

/** A new admin token or a new first key ends every session. */
function keyOf({ adminToken, encryptionKeys }: Keys): Promise<Uint8Array<ArrayBuffer>> {
  return hmacSha256(
    JSON.stringify([adminToken, encryptionKeys[0]]),
    withPrefix("qonto-relay console", new Uint8Array()),
  );
}

function tryDecode(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.fromBase64(text, { alphabet: "base64url" });
  } catch {
    return null;
  }
}

/**
 * Whether the browser says that a page of this relay sent the form. `Origin` is "null" without a referrer, so it is read
 * only when the other header is missing.
 */
export function isFromOwnSite(c: ConsoleContext): boolean {
  const site = c.req.header("sec-fetch-site");
  if (site !== undefined) return site === "same-origin";
  const origin = c.req.header("origin");
  return origin === undefined || origin === new URL(c.req.url).origin;
}
