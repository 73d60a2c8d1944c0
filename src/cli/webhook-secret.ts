import type { Source } from "../domain/event.ts";
import type { Context } from "./context.ts";
import { wrongUsage } from "./fault.ts";
import { option } from "./options.ts";
import type { Output } from "./output.ts";
import type { Settings } from "./settings.ts";

/** Which variable holds the secrets of which of Qonto's systems. */
export const secretNames = {
  business: "QONTO_WEBHOOK_SECRETS",
  onboarding: "QONTO_ONBOARDING_SECRETS",
} as const satisfies Readonly<Record<Source, string>>;

/** Secrets of one of Qonto's systems that this machine knows, and where they were found. */
export interface KnownSecrets {
  readonly values: readonly [string, ...string[]];
  readonly from: string;
}

/** The secrets that the relay at this address has as well; null when there is none. */
export function knownSecrets(settings: Settings, relayUrl: string, source: Source): KnownSecrets | null {
  const shared = settings.sharedSecret(secretNames[source], relayUrl);
  const [first, ...others] = (shared?.value ?? "").split(",").flatMap((part) => part.trim() || []);
  return shared === undefined || first === undefined ? null : { values: [first, ...others], from: shared.from };
}

/** The secret to sign with as Qonto: the first that the relay has. Throws when there is none. */
export function signingSecret(
  settings: Settings,
  relayUrl: string,
  { source, remedy }: { readonly source: Source; readonly remedy: string },
): { readonly secret: string; readonly secretFrom: string } {
  const known = knownSecrets(settings, relayUrl, source);
  if (known === null) {
    throw wrongUsage(`There is no secret to sign with: ${secretNames[source]} is not set.`, remedy);
  }
  return { secret: known.values[0], secretFrom: `the first of ${known.from}` };
}

/** Of the commands that register the relay at Qonto. */
export const secretOption = option(
  "--secret <secret>",
  "one that the relay knows already, 32 to 128 characters; - reads standard input",
);

/** Qonto's own limits. */
const SECRET_PATTERN = /^[\x21-\x7e]{32,128}$/;
const SECRET_BYTES = 32;

/** The secret that is given (`-`: on standard input), or a new one. */
export async function secretFrom(
  given: string | undefined,
  context: Context,
): Promise<{ secret: string; isNew: boolean }> {
  const { secrets } = context;
  if (given === undefined) {
    const random = crypto.getRandomValues(new Uint8Array(SECRET_BYTES)).toBase64();
    return { secret: secrets.keep(`whsec_${random}`), isNew: true };
  }
  const text = given === "-" ? new TextDecoder().decode(await context.readBytes("-")).trim() : given;
  const secret = secrets.keep(text);
  if (!SECRET_PATTERN.test(secret)) {
    throw wrongUsage("Qonto takes secrets of 32 to 128 characters, without white space.");
  }
  return { secret, isNew: false };
}

/** Where a secret belongs that Qonto signs with from now on. */
export function secretAdvice(source: Source, secret: string, output: Output): string {
  const name = secretNames[source];
  return `Secret, shown this once:  ${output.paint("bold", secret)}

Give it to the relay now. Until it knows the secret it answers Qonto 401; Qonto sends again for days, so nothing is lost.
  local       add it to ${name} in .dev.vars, behind a comma if there is one already
  production  npx wrangler secret put ${name}     (the old ones and this one, comma-separated)`;
}
