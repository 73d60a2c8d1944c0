import { z } from "zod";
import type { Destination } from "../domain/destination.ts";
import { decrypt, encrypt } from "../platform/encryption.ts";
import { tryParseJson } from "../platform/json.ts";
import type { World } from "../platform/world.ts";

type StoredHeaders = Pick<Destination, "headerNames" | "encryptedHeaders">;

/** A destination's own headers as D1 keeps them: names in lower case, and all of it encrypted. */
export async function encryptHeaders(
  encryptionKeys: readonly string[],
  headers: Readonly<Record<string, string>> | null,
  destinationId: string,
  world: Pick<World, "randomBytes">,
): Promise<StoredHeaders> {
  const entries = Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const);
  if (entries.length === 0) return { headerNames: [], encryptedHeaders: null };
  const text = JSON.stringify(Object.fromEntries(entries));
  return {
    headerNames: entries.map(([name]) => name).toSorted(),
    encryptedHeaders: await encrypt(encryptionKeys, text, ownerOf(destinationId), world),
  };
}

const headersText = z.record(z.string(), z.string());

/** A destination's own headers, by name; null when no configured key decrypts them. */
export async function decryptHeaders(
  encryptionKeys: readonly string[],
  { id, encryptedHeaders }: Pick<Destination, "id" | "encryptedHeaders">,
): Promise<Record<string, string> | null> {
  if (encryptedHeaders === null) return {};
  const text = await decrypt(encryptionKeys, encryptedHeaders, ownerOf(id));
  return text === null ? null : (headersText.safeParse(tryParseJson(text)).data ?? null);
}

/** Shorter parts of a value are no secret, and may be a part of anything. */
const SHORTEST_SECRET = 8;

/** A receiver's answer without the values of headers that it repeats, whole or cut off at its end. */
export function withoutValues(text: string, headers: Readonly<Record<string, string>>): string {
  const secrets = Object.values(headers)
    .flatMap((value) => [value, ...value.split(/\s+/)])
    .filter(({ length }) => length >= SHORTEST_SECRET)
    .toSorted((one, other) => other.length - one.length);
  return secrets.reduce((left, secret) => cutEnd(left.replaceAll(secret, "***"), secret), text);
}

function cutEnd(text: string, secret: string): string {
  for (let length = secret.length - 1; length >= SHORTEST_SECRET; length -= 1) {
    if (text.endsWith(secret.slice(0, length))) return `${text.slice(0, -length)}***`;
  }
  return text;
}

/** Not that of the secret: neither can be put in the place of the other. */
function ownerOf(destinationId: string): string {
  return `${destinationId} headers`;
}
