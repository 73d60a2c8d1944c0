import type { Source } from "../domain/event.ts";
import type { Settings } from "./settings.ts";

/** Which variable holds the secrets of which of Qonto's systems. */
export const secretNames = {
  business: "QONTO_WEBHOOK_SECRETS",
  onboarding: "QONTO_ONBOARDING_SECRETS",
} as const satisfies Readonly<Record<Source, string>>;

/** The secret to sign with as Qonto, and where it was found: the first that the relay knows. Null when there is none. */
export function signingSecret(
  settings: Settings,
  relayUrl: string,
  source: Source,
): { readonly secret: string; readonly secretFrom: string } | null {
  const shared = settings.sharedSecret(secretNames[source], relayUrl);
  const secret = shared?.value
    .split(",")
    .map((part) => part.trim())
    .find((part) => part !== "");
  return shared === undefined || secret === undefined ? null : { secret, secretFrom: `the first of ${shared.from}` };
}
