import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { z } from "zod";
import type { World } from "../../platform/world.ts";
import { type ConsoleContext, ROOT } from "../requests.ts";
import { type Keys, base64Url, readSignedValue, signValue } from "./signed.ts";

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

export type Session = z.output<typeof session>;

/** Gives the browser a cookie with a new session and its signature. */
export async function beginSession(
  c: ConsoleContext,
  keys: Keys,
  tokenId: string | null,
  { now, randomBytes }: Pick<World, "now" | "randomBytes">,
): Promise<void> {
  const id = randomBytes(16).toBase64(base64Url);
  const begun: Session = { id, tokenId, expiresAt: now() + SESSION_SECONDS * 1000 };
  setCookie(c, COOKIE, await signValue(keys, "session", begun), { ...attributesFor(c), maxAge: SESSION_SECONDS });
}

/** The session of the browser's cookie; null without one, when its signature is wrong, or when it has expired. */
export async function readSession(c: ConsoleContext, keys: Keys, now: number): Promise<Session | null> {
  const read = session.nullable().parse(await readSignedValue(keys, "session", getCookie(c, COOKIE)));
  return read !== null && read.expiresAt > now ? read : null;
}

export function endSession(c: ConsoleContext): void {
  deleteCookie(c, COOKIE, attributesFor(c));
}

function attributesFor(c: ConsoleContext) {
  return { path: ROOT, httpOnly: true, secure: isByHttps(c), sameSite: "Strict" } as const;
}

/** A cookie is `Secure` by https alone: by http a browser would not send it back. */
export function isByHttps(c: ConsoleContext): boolean {
  return new URL(c.req.url).protocol === "https:";
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
