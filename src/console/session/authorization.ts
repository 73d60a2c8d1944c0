import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { z } from "zod";
import { AUTHORIZATION_SECONDS } from "../../connection/authorize.ts";
import type { World } from "../../platform/world.ts";
import { callbackAddress } from "../addresses.ts";
import { type ConsoleContext, type Credential, credential } from "../requests.ts";
import { isByHttps } from "./session.ts";
import { type Keys, base64Url, readSignedValue, signValue } from "./signed.ts";

/**
 * A browser withholds the session's strict cookie when Qonto leads it back. This one comes along: it names the operator who
 * began the authorization, and binds the authorization to the browser. Only the callback gets it.
 */
const COOKIE = "relay_qonto";

const authorization = z.object({
  /** Random. The store has the digest of it beside the authorization. */
  owner: z.string(),
  credential,
  /** Unix milliseconds. */
  expiresAt: z.number(),
});

type BrowserAuthorization = z.output<typeof authorization>;

/** Gives the browser the cookie, and returns the owner in it. */
export async function keepAuthorization(
  c: ConsoleContext,
  keys: Keys,
  of: Credential,
  { now, randomBytes }: Pick<World, "now" | "randomBytes">,
): Promise<string> {
  const owner = randomBytes(32).toBase64(base64Url);
  const kept: BrowserAuthorization = { owner, credential: of, expiresAt: now() + AUTHORIZATION_SECONDS * 1000 };
  const text = await signValue(keys, "authorization", kept);
  setCookie(c, COOKIE, text, { ...attributesFor(c), maxAge: AUTHORIZATION_SECONDS });
  return owner;
}

/** What the browser's cookie holds; null without one, when its signature is wrong, or when it has expired. */
export async function readAuthorization(
  c: ConsoleContext,
  keys: Keys,
  now: number,
): Promise<BrowserAuthorization | null> {
  const read = authorization.nullable().parse(await readSignedValue(keys, "authorization", getCookie(c, COOKIE)));
  return read !== null && read.expiresAt > now ? read : null;
}

export function dropAuthorization(c: ConsoleContext): void {
  deleteCookie(c, COOKIE, attributesFor(c));
}

/** Lax: it comes with a link of another site, and with no form, picture or frame of one. */
function attributesFor(c: ConsoleContext) {
  return { path: callbackAddress, httpOnly: true, secure: isByHttps(c), sameSite: "Lax" } as const;
}
