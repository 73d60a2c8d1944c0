import { withPrefix, hmacSha256 } from "../platform/hmac.ts";
import { signBusiness } from "../qonto/signature.ts";
import { keyBytes } from "./secrets.ts";

/**
 * Headers that let a destination verify a delivery in either way: Standard Webhooks (the key is the decoded part behind
 * `whsec_`) or as Qonto itself signs (the key is the whole string). While a secret is being rotated Standard Webhooks
 * carry a signature of each. Qonto's form has room for one: that of the oldest secret, the last, until its overlap ends,
 * so that the receiver has that long to learn the next.
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
