import type { World } from "./world.ts";

/**
 * Encrypts what must not be readable in a copy of the database: AES-256-GCM with keys derived from configured texts. An encrypted
 * text is `v1.<key id>.<nonce>.<ciphertext>`. The id says which of several keys it takes, so that keys can be rotated. A text
 * that is not encrypted was written before there was a key: it is read as it is.
 */

const FORMAT = "v1";
const NONCE_BYTES = 12;
const base64Url = { alphabet: "base64url", omitPadding: true } as const;

interface EncryptionKey {
  /** Reveals nothing about the key. */
  readonly id: string;
  readonly key: CryptoKey;
}

/** Encrypts with the first of the keys. It is decrypted for the same `owner` only, so it cannot be moved to another row. */
export async function encrypt(
  keys: readonly string[],
  text: string,
  owner: string,
  { randomBytes }: Pick<World, "randomBytes">,
): Promise<string> {
  const [first] = keys;
  if (first === undefined) throw new Error("There is no key to encrypt with");
  const { id, key } = await deriveKey(first);
  const nonce = randomBytes(NONCE_BYTES);
  const ciphertext = await crypto.subtle.encrypt(algorithm(nonce, owner), key, new TextEncoder().encode(text));
  return [FORMAT, id, nonce.toBase64(base64Url), new Uint8Array(ciphertext).toBase64(base64Url)].join(".");
}

/** The text that was encrypted; null when none of the keys decrypts it. */
export async function decrypt(keys: readonly string[], encrypted: string, owner: string): Promise<string | null> {
  const parts = readEncrypted(encrypted);
  if (parts === null) return encrypted;
  for (const text of keys) {
    const { id, key } = await deriveKey(text);
    if (id !== parts.keyId) continue;
    try {
      const nonce = Uint8Array.fromBase64(parts.nonce, base64Url);
      const ciphertext = Uint8Array.fromBase64(parts.ciphertext, base64Url);
      const decrypted = await crypto.subtle.decrypt(algorithm(nonce, owner), key, ciphertext);
      return new TextDecoder().decode(decrypted);
    } catch {
      // It was altered, belongs to another owner, or is no base64.
    }
  }
  return null;
}

/** Whether a text is encrypted with the first of the keys, as all should be. */
export async function isEncryptedByFirst(keys: readonly string[], encrypted: string): Promise<boolean> {
  const [first] = keys;
  return first !== undefined && readEncrypted(encrypted)?.keyId === (await deriveKey(first)).id;
}

/** Names a key, and reveals nothing about it. */
export async function keyIdOf(key: string): Promise<string> {
  return (await deriveKey(key)).id;
}

function readEncrypted(encrypted: string) {
  const [format, keyId, nonce, ciphertext, ...more] = encrypted.split(".");
  if (format !== FORMAT || keyId === undefined || nonce === undefined || ciphertext === undefined || more.length > 0) {
    return null;
  }
  return { keyId, nonce, ciphertext };
}

function algorithm(nonce: Uint8Array<ArrayBuffer>, owner: string) {
  return { name: "AES-GCM", iv: nonce, additionalData: new TextEncoder().encode(owner) };
}

/** The configured keys, and a few more in tests. No promises: those belong to one request. */
const derivedKeys = new Map<string, EncryptionKey>();

/** Key and id are derived separately from the text, so the public id does not help to guess the key. */
async function deriveKey(text: string): Promise<EncryptionKey> {
  const known = derivedKeys.get(text);
  if (known !== undefined) return known;
  const derived = await derive(text);
  derivedKeys.set(text, derived);
  return derived;
}

async function derive(text: string): Promise<EncryptionKey> {
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
  // Part of the stored format: with another text no stored secret could be decrypted.
  const key = await crypto.subtle.deriveKey(by("sealing key"), source, aes, false, ["encrypt", "decrypt"]);
  return { id: new Uint8Array(id).toHex(), key };
}
