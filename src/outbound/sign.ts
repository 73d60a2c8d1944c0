import { withPrefix } from "../platform/bytes.ts";
import { hmacSha256 } from "../platform/hmac.ts";
import { signBusiness } from "../qonto/business-signature.ts";

const SECRET_PREFIX = "whsec_";
const SECRET_BYTES = 32;

/** A new secret as Standard Webhooks writes them. */
export function makeSecret(): string {
  return SECRET_PREFIX + crypto.getRandomValues(new Uint8Array(SECRET_BYTES)).toBase64();
}

/**
 * Headers that let a team verify a delivery in either way: Standard Webhooks (the key is the decoded part behind
 * `whsec_`) or as Qonto itself signs (the key is the whole string).
 */
export async function signatureHeaders(
  { eventId, body }: { readonly eventId: string; readonly body: Uint8Array },
  timestampSeconds: number,
  secret: string,
): Promise<Record<string, string>> {
  const signed = withPrefix(`${eventId}.${timestampSeconds}.`, body);
  const key = Uint8Array.fromBase64(secret.slice(SECRET_PREFIX.length));
  return {
    "webhook-id": eventId,
    "webhook-timestamp": String(timestampSeconds),
    "webhook-signature": `v1,${(await hmacSha256(key, signed)).toBase64()}`,
    "x-qonto-signature": await signBusiness(body, timestampSeconds, secret),
  };
}
