import type { Source } from "../domain/event.ts";
import { equalInConstantTime, hmacSha256 } from "../platform/hmac.ts";

/** What a request claims to be signed with. */
export interface Signature {
  readonly source: Source;
  /** Unix seconds; null in the scheme that signs none. */
  readonly timestamp: number | null;
  /** Whether one of the claimed digests is that of these bytes under one of these secrets. */
  readonly matches: (body: Uint8Array<ArrayBuffer>, ...secrets: readonly string[]) => Promise<boolean>;
}

export type SignatureFault = "signature_missing" | "signature_malformed";

/** One HMAC for each secret, however many digests a stranger claims. */
export async function isSignedBy(
  secrets: readonly string[],
  signed: Uint8Array<ArrayBuffer>,
  digests: readonly Uint8Array<ArrayBuffer>[],
): Promise<boolean> {
  for (const secret of secrets) {
    const own = await hmacSha256(secret, signed);
    if (digests.some((digest) => equalInConstantTime(digest, own))) return true;
  }
  return false;
}
