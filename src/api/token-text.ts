import type { Config } from "../config.ts";
import { withPrefix, hmacSha256, verifyHmacSha256 } from "../platform/hmac.ts";
import type { World } from "../platform/world.ts";

const PREFIX = "qrt_";

/** Together with the MAC a multiple of three: base64 has one spelling for them. */
const RANDOM_BYTES = 28;
const MAC_BYTES = 32;

const isTokenText = new RegExp(`^${PREFIX}[\\w-]{${((RANDOM_BYTES + MAC_BYTES) / 3) * 4}}$`);

type Keys = Pick<Config, "trustedKeys">;

/** The text of a new named token: bytes that nobody can guess, and what proves that this relay made them. */
export async function makeTokenText(
  { trustedKeys }: Keys,
  { randomBytes }: Pick<World, "randomBytes">,
): Promise<string> {
  const [first] = trustedKeys;
  if (first === undefined) throw new Error("There is no key to make a token with");
  const random = randomBytes(RANDOM_BYTES);
  const mac = await hmacSha256(await macKeyOf(first), random);
  const bytes = new Uint8Array(RANDOM_BYTES + MAC_BYTES);
  bytes.set(random);
  bytes.set(mac, RANDOM_BYTES);
  return PREFIX + bytes.toBase64({ alphabet: "base64url" });
}

/** Whether this relay made a token, under any of its keys: nobody can have D1 asked for one that is made up. */
export async function isOwnTokenText({ trustedKeys }: Keys, text: string): Promise<boolean> {
  if (!isTokenText.test(text)) return false;
  const bytes = Uint8Array.fromBase64(text.slice(PREFIX.length), { alphabet: "base64url" });
  const [random, mac] = [bytes.slice(0, RANDOM_BYTES), bytes.slice(RANDOM_BYTES)];
  for (const key of trustedKeys) if (await verifyHmacSha256(await macKeyOf(key), mac, random)) return true;
  return false;
}

/** The keys encrypt and sign sessions as well: for tokens each has one of its own. */
function macKeyOf(key: string): Promise<Uint8Array<ArrayBuffer>> {
  return hmacSha256(key, withPrefix("qonto-relay named token", new Uint8Array()));
}
