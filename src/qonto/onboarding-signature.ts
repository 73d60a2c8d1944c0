import { type Secret, hmacSha256, verifyHmacSha256 } from "../platform/hmac.ts";
import { readHexDigest } from "./hex-digest.ts";
import type { Signature } from "./signature.ts";

/** Reads a bare hexadecimal digest of the raw body. No timestamp: replays are told by the event id alone. */
export function readOnboardingSignature(header: string): Signature | null {
  const digest = readHexDigest(header.trim());
  if (digest === null) return null;
  return {
    source: "onboarding",
    timestamp: null,
    matches: (body, secret) => verifyHmacSha256(secret, digest, body),
  };
}

/** Signs as Qonto's Onboarding API does. */
export async function signOnboarding(body: Uint8Array<ArrayBuffer>, secret: Secret): Promise<string> {
  return (await hmacSha256(secret, body)).toHex();
}
