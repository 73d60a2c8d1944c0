import { withPrefix, hmacSha256 } from "../platform/hmac.ts";
import { signBusiness } from "../qonto/signature.ts";
import { keyBytes } from "./secrets.ts";

/**
 * Headers by which a destination verifies a delivery: as Standard Webhooks does (the key is the decoded part after `whsec_`) or
 * as for Qonto itself (the key is the whole string). During a rotation Standard Webhooks has a signature of each secret.
 * Qonto's form has room for one: the oldest secret signs until its overlap ends, so the receiver has that time to change.
 */
export async function signatureHeaders(
  { eventId, body }: { readonly eventId: string; readonly body: Uint8Array },
  timestampSeconds: number,
  secrets: readonly [string, ...string[]],
): Promise<Record<string, string>> {
  const signed = withPrefix(`${eventId}.${timestampSeconds}.`, body);
  const digests = await Promise.all(secrets.map((secret) => hmacSha256(keyBytes(secret), signed)));
  return {
    "webhook-id": eventId,
    "webhook-timestamp": String(timestampSeconds),
    "webhook-signature": digests.map((digest) => `v1,${digest.toBase64()}`).join(" "),
    "x-qonto-signature": await signBusiness(body, timestampSeconds, secrets.at(-1) ?? secrets[0]),
  };
}
