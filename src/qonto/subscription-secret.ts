/**
 * Secrets of the subscriptions that the relay makes for itself: derived from the keys of the configuration, so that a webhook is
 * verified without a read of D1, and rotated with them.
 */

const SECRET_BYTES = 32;

/** By key: there are few. It holds no promises, because those belong to the request that makes them. */
const derivedSecrets = new Map<string, string>();

/** The secret that each key gives. The first signs new subscriptions. */
export async function subscriptionSecrets(keys: readonly string[]): Promise<readonly string[]> {
  const secrets: string[] = [];
  for (const key of keys) secrets.push(derivedSecrets.get(key) ?? (await derive(key)));
  return secrets;
}

async function derive(key: string): Promise<string> {
  const encoder = new TextEncoder();
  const source = await crypto.subtle.importKey("raw", encoder.encode(key), "HKDF", false, ["deriveBits"]);
  // Other texts would give other secrets: no webhook of an existing subscription could be verified.
  const salt = encoder.encode("qonto-relay");
  const info = encoder.encode("qonto webhook secret");
  const bits = await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, source, 8 * SECRET_BYTES);
  const secret = `whsec_${new Uint8Array(bits).toBase64({ alphabet: "base64url", omitPadding: true })}`;
  derivedSecrets.set(key, secret);
  return secret;
}
