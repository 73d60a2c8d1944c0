import type { Destination } from "../domain/destination.ts";
import { encrypt, decrypt } from "../platform/encryption.ts";
import type { World } from "../platform/world.ts";

const SECRET_PREFIX = "whsec_";
const SECRET_BYTES = 32;

/** A new secret as Standard Webhooks writes them, and as D1 keeps it. */
export async function makeSecret(
  encryptionKeys: readonly string[],
  destinationId: string,
  world: Pick<World, "randomBytes">,
): Promise<{ readonly secret: string; readonly encrypted: string }> {
  const secret = SECRET_PREFIX + world.randomBytes(SECRET_BYTES).toBase64();
  return { secret, encrypted: await encrypt(encryptionKeys, secret, destinationId, world) };
}

/** The secret that D1 keeps; null when no configured key decrypts it to a secret. */
export async function decryptSecret(
  encryptionKeys: readonly string[],
  encrypted: string,
  destinationId: string,
): Promise<string | null> {
  const text = await decrypt(encryptionKeys, encrypted, destinationId);
  return text !== null && isSecret(text) ? text : null;
}

function isSecret(text: string): boolean {
  try {
    return text.startsWith(SECRET_PREFIX) && keyBytes(text).length > 0;
  } catch {
    return false;
  }
}

/** The part of a secret that Standard Webhooks uses as key. */
export function keyBytes(secret: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromBase64(secret.slice(SECRET_PREFIX.length));
}

/**
 * The secrets that sign for a destination at an instant, in Unix milliseconds: its own, then those that are being rotated out,
 * the oldest last. Null when its own cannot be decrypted.
 */
export async function signingSecrets(
  { id, encryptedSecret, previousSecrets }: Destination,
  at: number,
  encryptionKeys: readonly string[],
): Promise<[string, ...string[]] | null> {
  const decryptOne = (encrypted: string) => decryptSecret(encryptionKeys, encrypted, id);
  const secret = await decryptOne(encryptedSecret);
  if (secret === null) return null;
  const stillSigning = previousSecrets.filter(({ until }) => until > at).toReversed();
  const previous = await Promise.all(stillSigning.map(({ encrypted }) => decryptOne(encrypted)));
  return [secret, ...previous.filter((one) => one !== null)];
}
