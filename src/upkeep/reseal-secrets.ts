import type { Config } from "../env.ts";
import { openSecret } from "../outbound/secrets.ts";
import { isSealedByFirst, seal } from "../platform/seal.ts";
import { type StoredSecrets, readStoredSecrets, replaceSecrets } from "../store/destination-secrets.ts";
import { writeMarks } from "../store/marks.ts";
import type { Upkeep } from "./upkeep-task.ts";

/**
 * Brings the teams' secrets under the first of the configured keys, so that the others may go, and deletes those whose
 * rotation is over. A secret that no key opens is kept: the key may come back, or this is an older version of the
 * Worker, which does not know it yet. `/health` says when it is the current secret of a destination.
 */
export async function resealSecrets({ env, world, config }: Upkeep) {
  if (config === null) return {};
  const { encryptionKeys, trustedKeys } = config;
  let resealed = 0;
  let unopened = 0;
  for (const stored of await readStoredSecrets(env.DB)) {
    const renewed = await renew(stored, encryptionKeys, world);
    if (renewed === null) unopened += 1;
    // Nothing is encrypted with a key that does not count.
    else if (trustedKeys.length > 0 && isOther(renewed, stored)) {
      await replaceSecrets(env.DB, stored, renewed);
      resealed += 1;
    }
  }
  await writeMarks(env.DB, { unopened_secrets: unopened });
  return { resealed_secrets: resealed, unopened_secrets: unopened };
}

/** Null when its secret cannot be opened. */
async function renew(
  { destinationId, secret, previous }: StoredSecrets,
  keys: Config["encryptionKeys"],
  world: Upkeep["world"],
): Promise<StoredSecrets | null> {
  const renewed = await resealed(secret, keys, destinationId, world);
  if (renewed === null) return null;
  const stillSigning = previous.filter(({ until }) => until > world.now());
  const renewedPrevious = await Promise.all(
    stillSigning.map(async (one) => ({
      ...one,
      secret: (await resealed(one.secret, keys, destinationId, world)) ?? one.secret,
    })),
  );
  return { destinationId, secret: renewed, previous: renewedPrevious };
}

async function resealed(
  sealed: string,
  keys: Config["encryptionKeys"],
  owner: string,
  world: Upkeep["world"],
): Promise<string | null> {
  const opened = await openSecret(keys, sealed, owner);
  if (opened === null || (await isSealedByFirst(keys, sealed))) return opened && sealed;
  return seal(keys, opened, owner, world);
}

function isOther(one: StoredSecrets, other: StoredSecrets): boolean {
  return JSON.stringify(one) !== JSON.stringify(other);
}
