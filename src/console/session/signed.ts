import type { Config } from "../../env.ts";
import { hmacSha256, verifyHmacSha256, withPrefix } from "../../platform/hmac.ts";

/** What the console gives a browser to bring back, signed. It can be read, so it holds no secret. */

export type Keys = Pick<Config, "adminToken" | "encryptionKeys">;

/** What a signature is for: one of another purpose does not count. */
type Purpose = "session" | "authorization";

export const base64Url = { alphabet: "base64url", omitPadding: true } as const;

/** The JSON of a value with its signature, for a cookie. */
export async function signValue(keys: Keys, purpose: Purpose, value: object): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  const signature = await hmacSha256(await keyOf(keys), withPrefix(`${purpose}\n`, bytes));
  return `${bytes.toBase64(base64Url)}.${signature.toBase64(base64Url)}`;
}

/** The value; null when the text is none that the relay signed for this purpose. */
export async function readSignedValue(keys: Keys, purpose: Purpose, text = ""): Promise<unknown> {
  const [content = "", signature = ""] = text.split(".");
  const bytes = tryDecode(content);
  const claimed = tryDecode(signature);
  if (bytes === null || claimed === null) return null;
  if (!(await verifyHmacSha256(await keyOf(keys), claimed, withPrefix(`${purpose}\n`, bytes)))) return null;
  return JSON.parse(new TextDecoder().decode(bytes));
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
