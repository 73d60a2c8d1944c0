import { readBusinessSignature } from "./business-signature.ts";
import { readOnboardingSignature } from "./onboarding-signature.ts";
import { signatureHeaders } from "./sign-as-qonto.ts";
import type { Signature, SignatureFault } from "./signature.ts";

/** Reads whichever of Qonto's two signature headers a request bears. The one with a timestamp goes first. */
export function readSignature(headers: Headers): Signature | SignatureFault {
  const business = headers.get(signatureHeaders.business);
  if (business !== null) return readBusinessSignature(business) ?? "signature_malformed";
  const onboarding = headers.get(signatureHeaders.onboarding);
  if (onboarding !== null) return readOnboardingSignature(onboarding) ?? "signature_malformed";
  return "signature_missing";
}
