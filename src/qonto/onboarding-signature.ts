import { type Secret, hmacSha256 } from "../platform/hmac.ts";
import { readHexDigest } from "./hex-digest.ts";
import { type Signature, isSignedBy } from "./signature.ts";

/** Reads a bare hexadecimal digest of the raw body. No timestamp: replays are told by the event id alone. */
export function readOnboardingSignature(fields: readonly string[]): Signature | null {
  const [digest, ...others] = fields.map(readHexDigest);
  if (digest === undefined || digest === null || others.length > 0) return null;
  return {
    source: "onboarding",
    timestamp: null,
    matches: (body, ...secrets) => isSignedBy(secrets, body, [digest]),
  };
}

/** Signs as Qonto's Onboarding API does. */
export async function signOnboarding(body: Uint8Array<ArrayBuffer>, secret: Secret): Promise<string> {
  return (await hmacSha256(secret, body)).toHex();
}
