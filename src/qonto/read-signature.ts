import type { Source } from "../domain/event.ts";
import { readBusinessSignature } from "./business-signature.ts";
import { readOnboardingSignature } from "./onboarding-signature.ts";
import { signatureHeaders } from "./sign-as-qonto.ts";
import { MAX_HEADER_CHARACTERS, headerFields } from "./signature-header.ts";
import type { Signature, SignatureFault } from "./signature.ts";

const readers = { business: readBusinessSignature, onboarding: readOnboardingSignature };

/** Reads whichever of Qonto's two signature headers a request bears. The one with a timestamp goes first. */
export function readSignature(headers: Headers): Signature | SignatureFault {
  for (const source of ["business", "onboarding"] as const) {
    const header = headers.get(signatureHeaders[source]);
    const signature = header === null ? "signature_missing" : readSignatureHeader(source, header);
    if (signature !== "signature_missing") return signature;
  }
  return "signature_missing";
}

/** Reads the value of the header of one of the two systems; an empty one is as good as none. */
export function readSignatureHeader(source: Source, header: string): Signature | SignatureFault {
  if (header.length > MAX_HEADER_CHARACTERS) return "signature_malformed";
  const fields = headerFields(header);
  if (fields.length === 0) return "signature_missing";
  return readers[source](fields) ?? "signature_malformed";
}
