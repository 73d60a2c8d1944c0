import type { Config } from "../env.ts";
import { decryptSecret } from "../outbound/secrets.ts";
import { isEncryptedByFirst, encrypt } from "../platform/encryption.ts";
import { type StoredSecrets, readStoredSecrets, replaceSecrets } from "../store/destination-secrets.ts";
import { writeCronState } from "../store/cron-state.ts";
import type { CronRun } from "./cron-task.ts";

/**
 * Re-encrypts the destinations' secrets with the first of the configured keys, so that the others can be removed, and deletes
 * previous secrets that have ended. A secret that no key decrypts is kept: the key may come back, or this is an older version of
 * the Worker that does not have it yet. `/health` reports a destination whose current secret cannot be decrypted.
 */
export async function reencryptSecrets({ env, world, config }: CronRun) {
  if (config === null) return {};
  const { encryptionKeys, trustedKeys } = config;
  let reencrypted = 0;
  let undecryptable = 0;
  for (const stored of await readStoredSecrets(env.DB)) {
    const renewed = await renew(stored, encryptionKeys, world);
    if (renewed === null) undecryptable += 1;
    // Without a trusted key nothing is encrypted.
    else if (trustedKeys.length > 0 && isOther(renewed, stored)) {
      await replaceSecrets(env.DB, stored, renewed);
      reencrypted += 1;
    }
  }
  await writeCronState(env.DB, { undecryptable_secrets: undecryptable });
  return { reencrypted_secrets: reencrypted, undecryptable_secrets: undecryptable };
}

/** Null when its secret cannot be decrypted. */
async function renew(
  { destinationId, secret, previous }: StoredSecrets,
  keys: Config["encryptionKeys"],
  world: CronRun["world"],
): Promise<StoredSecrets | null> {
  const renewed = await reencrypted(secret, keys, destinationId, world);
  if (renewed === null) return null;
  const stillSigning = previous.filter(({ until }) => until > world.now());
  const renewedPrevious = await Promise.all(
    stillSigning.map(async (one) => ({
      ...one,
      secret: (await reencrypted(one.secret, keys, destinationId, world)) ?? one.secret,
    })),
  );
  return { destinationId, secret: renewed, previous: renewedPrevious };
}

async function reencrypted(
  encrypted: string,
  keys: Config["encryptionKeys"],
  owner: string,
  world: CronRun["world"],
): Promise<string | null> {
  const decrypted = await decryptSecret(keys, encrypted, owner);
  if (decrypted === null) return null;
  return (await isEncryptedByFirst(keys, encrypted)) ? encrypted : encrypt(keys, decrypted, owner, world);
}

function isOther(one: StoredSecrets, other: StoredSecrets): boolean {
  return JSON.stringify(one) !== JSON.stringify(other);
}
