/** The one door to HMAC-SHA256: WebCrypto, whose `verify` compares in constant time. */

const algorithm = { name: "HMAC", hash: "SHA-256" };
const MAX_CACHED_KEYS = 1_000;

/** Importing a key costs more than using it. No promises: those belong to one request. */
const importedKeys = new Map<string, CryptoKey>();

/** A secret as Qonto uses it, raw UTF-8, or as bytes. */
export type Secret = string | Uint8Array<ArrayBuffer>;

export async function hmacSha256(secret: Secret, data: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.sign(algorithm.name, await importKey(secret), data));
}

/** False, never an error, for a signature of the wrong length. */
export async function verifyHmacSha256(
  secret: Secret,
  signature: Uint8Array<ArrayBuffer>,
  data: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  return crypto.subtle.verify(algorithm.name, await importKey(secret), signature, data);
}

/** Takes the same time wherever two digests differ. The runtime's `timingSafeEqual` is not in Node, where the command line runs. */
export function equalInConstantTime(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  let difference = 0;
  for (const [index, byte] of one.entries()) difference |= byte ^ (other[index] ?? 0);
  return difference === 0;
}

/** The bytes of a text, then others: what is signed. */
export function withPrefix(prefix: string, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const first = new TextEncoder().encode(prefix);
  const all = new Uint8Array(first.length + bytes.length);
  all.set(first);
  all.set(bytes, first.length);
  return all;
}

async function importKey(secret: Secret): Promise<CryptoKey> {
  const name = typeof secret === "string" ? `utf-8:${secret}` : `bytes:${secret.toBase64()}`;
  const known = importedKeys.get(name);
  if (known !== undefined) return known;
  const bytes = typeof secret === "string" ? new TextEncoder().encode(secret) : secret;
  const key = await crypto.subtle.importKey("raw", bytes, algorithm, false, ["sign", "verify"]);
  if (importedKeys.size >= MAX_CACHED_KEYS) importedKeys.clear();
  importedKeys.set(name, key);
  return key;
}
