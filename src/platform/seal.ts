import type { World } from "./world.ts";

/**
 * Encrypts what must not be read off a copy of the database: AES-256-GCM under keys derived from configured texts. A sealed
 * text is `v1.<key id>.<nonce>.<ciphertext>`; the id says which of several keys it takes, so that keys can be rotated.
 * A text that is not sealed is one that was written down before this was: it is read as it is.
 */

const FORMAT = "v1";
const NONCE_BYTES = 12;
const base64Url = { alphabet: "base64url", omitPadding: true } as const;

type Chance = Pick<World, "randomBytes">;

interface SealingKey {
  /** Tells nothing of the key. */
  readonly id: string;
  readonly key: CryptoKey;
}

/** Seals under the first of the keys. Opens for the same `owner` only: sealed texts cannot be swapped between rows. */
export async function seal(
  keys: readonly string[],
  text: string,
  owner: string,
  { randomBytes }: Chance,
): Promise<string> {
  const [first] = keys;
  if (first === undefined) throw new Error("There is no key to seal with");
  const { id, key } = await deriveKey(first);
  const nonce = randomBytes(NONCE_BYTES);
  const ciphertext = await crypto.subtle.encrypt(algorithm(nonce, owner), key, new TextEncoder().encode(text));
  return [FORMAT, id, nonce.toBase64(base64Url), new Uint8Array(ciphertext).toBase64(base64Url)].join(".");
}

/** The text that was sealed; null when none of the keys opens it. */
export async function unseal(keys: readonly string[], sealed: string, owner: string): Promise<string | null> {
  const parts = readSealed(sealed);
  if (parts === null) return sealed;
  for (const text of keys) {
    const { id, key } = await deriveKey(text);
    if (id !== parts.keyId) continue;
    try {
      const nonce = Uint8Array.fromBase64(parts.nonce, base64Url);
      const ciphertext = Uint8Array.fromBase64(parts.ciphertext, base64Url);
      const opened = await crypto.subtle.decrypt(algorithm(nonce, owner), key, ciphertext);
      return new TextDecoder().decode(opened);
    } catch {
      // Altered, or another owner's: GCM says no more. Or it is no base64.
    }
  }
  return null;
}

/** Whether a text is sealed under the first of the keys, as all should be. */
export async function isSealedByFirst(keys: readonly string[], sealed: string): Promise<boolean> {
  const [first] = keys;
  return first !== undefined && readSealed(sealed)?.keyId === (await deriveKey(first)).id;
}

function readSealed(sealed: string) {
  const [format, keyId, nonce, ciphertext, ...more] = sealed.split(".");
  if (format !== FORMAT || keyId === undefined || nonce === undefined || ciphertext === undefined || more.length > 0) {
    return null;
  }
  return { keyId, nonce, ciphertext };
}

function algorithm(nonce: Uint8Array<ArrayBuffer>, owner: string) {
  return { name: "AES-GCM", iv: nonce, additionalData: new TextEncoder().encode(owner) };
}

/** A handful for each isolate: what is configured, and in tests a few more. No promises, which are their request's alone. */
const derivedKeys = new Map<string, SealingKey>();

/** Key and id come from the text by different ways: the id, which stands beside the ciphertext, does not help to guess. */
async function deriveKey(text: string): Promise<SealingKey> {
  const known = derivedKeys.get(text);
  if (known !== undefined) return known;
  const derived = await derive(text);
  derivedKeys.set(text, derived);
  return derived;
}

async function derive(text: string): Promise<SealingKey> {
  const encoder = new TextEncoder();
  const source = await crypto.subtle.importKey("raw", encoder.encode(text), "HKDF", false, ["deriveKey", "deriveBits"]);
  const by = (info: string) => ({
    name: "HKDF",
    hash: "SHA-256",
    salt: encoder.encode("qonto-relay"),
    info: encoder.encode(info),
  });
  const id = await crypto.subtle.deriveBits(by("key id"), source, 32);
  const aes = { name: "AES-GCM", length: 256 };
  const key = await crypto.subtle.deriveKey(by("sealing key"), source, aes, false, ["encrypt", "decrypt"]);
  return { id: new Uint8Array(id).toHex(), key };
}
