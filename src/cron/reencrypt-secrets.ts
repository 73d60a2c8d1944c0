import type { Destination } from "../domain/destination.ts";
import type { Config } from "../env.ts";
import { decryptHeaders, encryptHeaders } from "../outbound/own-headers.ts";
import { decryptSecret } from "../outbound/secrets.ts";
import { decrypt, isEncryptedByFirst, encrypt } from "../platform/encryption.ts";
import { reencryptTokens } from "../store/connection-tokens.ts";
import { type Connection, listConnections } from "../store/connections.ts";
import { type StoredSecrets, readStoredSecrets, replaceSecrets } from "../store/destination-secrets.ts";
import { writeCronState } from "../store/cron-state.ts";
import type { CronRun } from "./cron-task.ts";

/**
 * Re-encrypts the destinations' secrets and headers, and the tokens of connections to Qonto, with the first of the configured
 * keys, so that the others can be removed, and deletes previous secrets that have ended. What no key decrypts is kept: the key may come back, or
 * this is an older version of the Worker that does not have it yet. `/health` reports a destination whose current secret cannot be
 * decrypted.
 */
export async function reencryptSecrets({ env, world, config }: CronRun) {
  if (config === null) return {};
  const { encryptionKeys, trustedKeys, isApplication } = config;
  // Without a trusted key nothing is encrypted.
  if (isApplication && trustedKeys.length > 0) await reencryptAllTokens({ env, world }, encryptionKeys);
  let reencrypted = 0;
  let undecryptable = 0;
  for (const stored of await readStoredSecrets(env.DB)) {
    const { renewed, isDecryptable } = await renew(stored, encryptionKeys, world);
    if (!isDecryptable) undecryptable += 1;
    // Without a trusted key nothing is encrypted.
    if (trustedKeys.length > 0 && isOther(renewed, stored)) {
      await replaceSecrets(env.DB, stored, renewed);
      reencrypted += 1;
    }
  }
  await writeCronState(env.DB, { undecryptable_secrets: undecryptable });
  return { reencrypted_secrets: reencrypted, undecryptable_secrets: undecryptable };
}

async function reencryptAllTokens({ env, world }: Pick<CronRun, "env" | "world">, keys: Config["encryptionKeys"]) {
  for (const connection of await listConnections(env.DB)) {
    const tokens = await renewTokens(connection, keys, world);
    if (tokens !== null) await reencryptTokens(env.DB, connection, tokens);
  }
}

/** Null when they need not be encrypted again, or cannot be decrypted. */
async function renewTokens(
  { id, accessToken, refreshToken }: Connection,
  keys: Config["encryptionKeys"],
  world: CronRun["world"],
): Promise<Pick<Connection, "accessToken" | "refreshToken"> | null> {
  // They are written together, with one key.
  if (await isEncryptedByFirst(keys, refreshToken)) return null;
  const access = await decrypt(keys, accessToken, id);
  const refresh = await decrypt(keys, refreshToken, id);
  if (access === null || refresh === null) return null;
  return { accessToken: await encrypt(keys, access, id, world), refreshToken: await encrypt(keys, refresh, id, world) };
}

/** What cannot be decrypted stays as it is. `isDecryptable`: nothing that deliveries need does. */
async function renew(
  { destinationId, secret, headers, previous }: StoredSecrets,
  keys: Config["encryptionKeys"],
  world: CronRun["world"],
): Promise<{ readonly renewed: StoredSecrets; readonly isDecryptable: boolean }> {
  const renewedSecret = await reencrypted(secret, keys, destinationId, world);
  const renewedHeaders = await renewHeaders(headers, keys, destinationId, world);
  const stillSigning = previous.filter(({ until }) => until > world.now());
  const renewedPrevious = await Promise.all(
    stillSigning.map(async (one) => ({
      ...one,
      secret: (await reencrypted(one.secret, keys, destinationId, world)) ?? one.secret,
    })),
  );
  return {
    renewed: {
      destinationId,
      secret: renewedSecret ?? secret,
      headers: renewedHeaders === null ? headers : renewedHeaders.encryptedHeaders,
      previous: renewedPrevious,
    },
    isDecryptable: renewedSecret !== null && renewedHeaders !== null,
  };
}

/** Null when they cannot be decrypted. */
async function renewHeaders(
  encryptedHeaders: string | null,
  keys: Config["encryptionKeys"],
  id: string,
  world: CronRun["world"],
): Promise<Pick<Destination, "encryptedHeaders"> | null> {
  const headers = await decryptHeaders(keys, { id, encryptedHeaders });
  if (headers === null) return null;
  const isByFirst = encryptedHeaders === null || (await isEncryptedByFirst(keys, encryptedHeaders));
  return isByFirst ? { encryptedHeaders } : encryptHeaders(keys, headers, id, world);
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
