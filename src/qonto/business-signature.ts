import { withPrefix } from "../platform/bytes.ts";
import { type Secret, hmacSha256, verifyHmacSha256 } from "../platform/hmac.ts";
import { readHexDigest } from "./hex-digest.ts";
import type { Signature } from "./signature.ts";

/**
 * Reads `t=<unix seconds>,v1=<hex>`. Several `v1` are accepted, as while a sender rotates its key; other schemes beside
 * it are skipped. Returns null for anything else.
 */
export function readBusinessSignature(header: string): Signature | null {
  const fields = header.split(",").map((field) => {
    const [name = "", ...value] = field.trim().split("=");
    return { name, value: value.join("=") };
  });
  const timestamps = fields.filter(({ name }) => name === "t").map(({ value }) => value);
  const digests = fields.filter(({ name }) => name === "v1").map(({ value }) => readHexDigest(value));

  const [timestamp] = timestamps;
  if (timestamp === undefined || timestamps.length > 1 || !/^\d{1,15}$/.test(timestamp)) return null;
  if (digests.length === 0 || !digests.every((digest) => digest !== null)) return null;

  return {
    source: "business",
    timestamp: Number(timestamp),
    matches: async (body, secret) => {
      const signed = signedBytes(timestamp, body);
      for (const digest of digests) if (await verifyHmacSha256(secret, digest, signed)) return true;
      return false;
    },
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
