import type { Source } from "../domain/event.ts";
import type { Secret } from "../platform/hmac.ts";
import { signBusiness } from "./business-signature.ts";
import { signOnboarding } from "./onboarding-signature.ts";

/** Names of the headers that bear the signatures of Qonto's two systems. */
export const signatureHeaders = {
  business: "x-qonto-signature",
  onboarding: "qonto-sha256-signature",
} as const satisfies Readonly<Record<Source, string>>;

/** The signature header of an event as the system that sends it would write it. */
export async function signAsQonto(
  source: Source,
  body: Uint8Array<ArrayBuffer>,
  { secret, timestampSeconds }: { readonly secret: Secret; readonly timestampSeconds: number },
): Promise<Record<string, string>> {
  const signature =
    source === "business" ? await signBusiness(body, timestampSeconds, secret) : await signOnboarding(body, secret);
  return { [signatureHeaders[source]]: signature };
}
