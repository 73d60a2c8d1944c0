import { z } from "zod";
import { wrongUsage } from "../fault.ts";
import type { Invocation } from "../invocation.ts";
import type { Output } from "../output.ts";
import { readBytes } from "../read-input.ts";
import { isOnThisMachine } from "../settings.ts";
import { WEBHOOK_PATH, plainWebhookUrl } from "../webhook-path.ts";

/** Qonto's own limits. */
const qontoSecret = z.string().regex(/^[\x21-\x7e]{32,128}$/);

const SECRET_BYTES = 32;

/** The secret that is given (`-`: on standard input), or a new one. */
export async function secretFrom(
  given: string | undefined,
  { secrets, input }: Invocation,
): Promise<{ secret: string; isNew: boolean }> {
  if (given === undefined) {
    const random = crypto.getRandomValues(new Uint8Array(SECRET_BYTES)).toBase64();
    return { secret: secrets.keep(`whsec_${random}`), isNew: true };
  }
  const text =
    given === "-"
      ? Buffer.from(await readBytes("-", input))
          .toString()
          .trim()
      : given;
  const parsed = qontoSecret.safeParse(secrets.keep(text));
  if (!parsed.success) throw wrongUsage("Qonto takes secrets of 32 to 128 characters, without white space.");
  return { secret: parsed.data, isNew: false };
}

/** Where a secret belongs that Qonto signs with from now on. */
export function secretAdvice(
  name: "QONTO_WEBHOOK_SECRETS" | "QONTO_ONBOARDING_SECRETS",
  secret: string,
  output: Output,
): string {
  return `Secret, shown this once:  ${output.paint("bold", secret)}

Give it to the relay now. Until it knows the secret it answers Qonto 401; Qonto sends again for days, so nothing is lost.
  local       add it to ${name} in .dev.vars, behind a comma if there is one already
  production  npx wrangler secret put ${name}     (the old ones and this one, comma-separated)`;
}

/** Says so when the address that Qonto is to call looks wrong. */
export function warnOfPath(url: string, output: Output): void {
  if (URL.parse(url)?.pathname.endsWith(WEBHOOK_PATH) === true) return;
  output.note(`Warning: the address does not end in ${WEBHOOK_PATH}, where the relay takes webhooks.`);
}

/** Qonto calls https alone. One that is played on this machine, as `qontoUrl` says, calls what is on it as well. */
export function readCallbackUrl(text: string, qontoUrl: string | undefined): string {
  const protocol = URL.parse(text)?.protocol;
  const isPlayed = [text, qontoUrl ?? ""].every((url) => URL.canParse(url) && isOnThisMachine(url));
  if (text.length <= 512 && (protocol === "https:" || (protocol === "http:" && isPlayed))) return plainWebhookUrl(text);
  throw wrongUsage(
    "--url must be an https address of at most 512 characters.",
    "As https://relay.example.com/webhooks/qonto",
  );
}
