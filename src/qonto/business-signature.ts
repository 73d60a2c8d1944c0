import { withPrefix } from "../platform/bytes.ts";
import { type Secret, hmacSha256 } from "../platform/hmac.ts";
import { readHexDigest } from "./hex-digest.ts";
import { type Signature, isSignedBy } from "./signature.ts";

/** A sender that rotates its key needs two. */
export const MAX_DIGESTS = 8;

/**
 * Reads the fields of `t=<unix seconds>,v1=<hex>`. Several `v1` are accepted, as while a sender rotates its key; other
 * schemes beside it are skipped. Returns null for anything else.
 */
export function readBusinessSignature(fields: readonly string[]): Signature | null {
  const valuesOf = (name: string) =>
    fields.filter((field) => field.startsWith(`${name}=`)).map((field) => field.slice(name.length + 1));
  const [timestamp, ...otherTimestamps] = valuesOf("t");
  if (timestamp === undefined || otherTimestamps.length > 0 || !/^\d{1,15}$/.test(timestamp)) return null;

  const digests = valuesOf("v1").map(readHexDigest);
  if (digests.length === 0 || digests.length > MAX_DIGESTS || !digests.every((digest) => digest !== null)) return null;

  return {
    source: "business",
    timestamp: Number(timestamp),
    matches: (body, ...secrets) => isSignedBy(secrets, signedBytes(timestamp, body), digests),
  };
}

/** Signs as Qonto's Business API does. */
export async function signBusiness(body: Uint8Array, timestampSeconds: number, secret: Secret): Promise<string> {
  const timestamp = String(timestampSeconds);
  const digest = await hmacSha256(secret, signedBytes(timestamp, body));
  return `t=${timestamp},v1=${digest.toHex()}`;
}

/** The timestamp's own text is signed, leading zeros and all. */
function signedBytes(timestamp: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  return withPrefix(`${timestamp}.`, body);
}
