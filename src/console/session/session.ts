import { z } from "zod";
import type { World } from "../../platform/world.ts";
import type { Config } from "../../env.ts";
import { withPrefix, hmacSha256, verifyHmacSha256 } from "../../platform/hmac.ts";

/** How long a login lasts, whatever is done meanwhile. */
export const SESSION_SECONDS = 8 * 3_600;

const session = z.object({
  /** Chance: what a form bears is made of it. */
  id: z.string(),
  /** Null for ADMIN_TOKEN. */
  tokenId: z.string().nullable(),
  /** Unix milliseconds. */
  expiresAt: z.number(),
});

/** What a cookie says. It says nothing of the token but its id, so that a token that is revoked takes its sessions along. */
export type Session = z.output<typeof session>;

type Keys = Pick<Config, "adminToken" | "encryptionKeys">;

const base64Url = { alphabet: "base64url", omitPadding: true } as const;

export function beginSession(
  tokenId: string | null,
  { now, randomBytes }: Pick<World, "now" | "randomBytes">,
): Session {
  const id = randomBytes(16).toBase64(base64Url);
  return { id, tokenId, expiresAt: now() + SESSION_SECONDS * 1000 };
}

/** The text of a cookie: the session, and what proves that this relay wrote it. */
export async function writeSession(keys: Keys, { id, tokenId, expiresAt }: Session): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify({ id, tokenId, expiresAt }));
  const signature = await hmacSha256(await keyOf(keys), withPrefix("session\n", bytes));
  return `${bytes.toBase64(base64Url)}.${signature.toBase64(base64Url)}`;
}

/** Null for what this relay did not write, or what is over. */
export async function readSession(keys: Keys, text: string, now: number): Promise<Session | null> {
  const [content = "", signature = ""] = text.split(".");
  const bytes = tryDecode(content);
  const claimed = tryDecode(signature);
  if (bytes === null || claimed === null) return null;
  if (!(await verifyHmacSha256(await keyOf(keys), claimed, withPrefix("session\n", bytes)))) return null;
  const read = session.parse(JSON.parse(new TextDecoder().decode(bytes)));
  return read.expiresAt > now ? read : null;
}

/** Whose forms they are: the id of a session, or the name of an identity, which no id is like. */
type FormOwner = Pick<Session, "id">;

/** What somebody's forms bear: another site, which cannot read it, cannot send them. */
export async function formTokenOf(keys: Keys, { id }: FormOwner): Promise<string> {
  const signature = await hmacSha256(await keyOf(keys), withPrefix("form\n", new TextEncoder().encode(id)));
  return signature.toBase64(base64Url);
}

export async function isFormTokenOf(keys: Keys, { id }: FormOwner, presented: unknown): Promise<boolean> {
  const claimed = typeof presented === "string" ? tryDecode(presented) : null;
  if (claimed === null) return false;
  return verifyHmacSha256(await keyOf(keys), claimed, withPrefix("form\n", new TextEncoder().encode(id)));
}

/** Another admin token, or another key in front, ends every session. */
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
