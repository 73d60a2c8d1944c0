import type { Source } from "../domain/event.ts";
import { readBusinessSignature } from "./business-signature.ts";
import { readOnboardingSignature } from "./onboarding-signature.ts";

/** What a request claims to be signed with. */
export interface Signature {
  readonly source: Source;
  /** Unix seconds; null in the scheme that signs none. */
  readonly timestamp: number | null;
  /** Whether one of the claimed digests is that of these bytes under this secret. */
  readonly matches: (body: Uint8Array, secret: string) => Promise<boolean>;
}

export type SignatureFault = "signature_missing" | "signature_malformed";

/** Reads whichever of Qonto's two signature headers a request bears. The one with a timestamp goes first. */
export function readSignature(headers: Headers): Signature | SignatureFault {
  const business = headers.get("x-qonto-signature");
  if (business !== null) return readBusinessSignature(business) ?? "signature_malformed";
  const onboarding = headers.get("qonto-sha256-signature");
  if (onboarding !== null) return readOnboardingSignature(onboarding) ?? "signature_malformed";
  return "signature_missing";
}
