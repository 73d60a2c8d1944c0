import { z } from "zod";
import type { QontoCommand } from "../command.ts";
import { wrongUsage } from "../fault.ts";
import { openQonto, sandboxOption } from "../open-qonto.ts";
import { printable } from "../output.ts";
import { QontoRefusal } from "../qonto-refusal.ts";
import { readCallbackUrl, secretAdvice, secretFrom, warnOfPath } from "./webhook-secret.ts";

/** Qonto's guide names the first, its reference the second. */
const PATH_OF_GUIDE = "/data_api/webhooks";
const PATH_OF_REFERENCE = "/register/webhooks";

const options = z.object({
  url: z.string(),
  path: z.string().optional(),
  partnerId: z.string().optional(),
  secret: z.string().optional(),
});

const webhook = z.looseObject({ id: z.string(), callback_url: z.string() });

/** `onboarding register`: the single address that the Onboarding API sends all its events to. */
export function addOnboarding(program: QontoCommand): void {
  const onboarding = program.command("onboarding").description("where Qonto's Onboarding API sends its events");
  onboarding
    .command("register")
    .description("register the relay; there is one address, and it gets every event")
    .requiredOption("--url <url>", "the relay's, as https://relay.example.com/webhooks/qonto")
    .option("--partner-id <id>", "your id as Qonto's partner (else QONTO_PARTNER_ID)")
    .option("--path <path>", `the endpoint (else ${PATH_OF_GUIDE}, or ${PATH_OF_REFERENCE} if there is none)`)
    .option("--secret <secret>", "one that the relay knows already, 32 to 128 characters; - reads standard input")
    .addOption(sandboxOption())
    .addHelpText(
      "after",
      "\nExample:\n  npm run qonto -- onboarding register --url https://relay.example.com/webhooks/qonto --sandbox",
    )
    .action(async (_options: unknown, command: QontoCommand) => {
      const { output, invocation } = command;
      const {
        url,
        path,
        partnerId = invocation.settings.value("QONTO_PARTNER_ID"),
        secret: given,
      } = options.parse(command.opts());
      const callback_url = readCallbackUrl(url, invocation.settings.value("QONTO_ONBOARDING_URL"));
      if (partnerId === undefined) throw wrongUsage("QONTO_PARTNER_ID is not set.", "Set it, or give --partner-id.");
      const qonto = openQonto(command, { system: "onboarding", headers: { "qonto-partner-id": partnerId } });
      const { secret, isNew } = await secretFrom(given, invocation);
      const body = { callback_url, secret, enabled: true };
      const register = (endpoint: string) => qonto.post(endpoint, body, webhook);
      const registered = await register(path ?? PATH_OF_GUIDE).catch((error: unknown) => {
        const isElsewhere = path === undefined && error instanceof QontoRefusal && error.status === 404;
        if (isElsewhere) return register(PATH_OF_REFERENCE);
        throw error;
      });
      warnOfPath(callback_url, output);
      const { secret: _echoed, ...shown } = registered;
      output.show(isNew ? { ...shown, secret } : shown, () =>
        [
          `Registered ${printable(registered.id)}: Qonto sends every event of its Onboarding API to ${callback_url}.`,
          ...(isNew ? [secretAdvice("QONTO_ONBOARDING_SECRETS", secret, output)] : []),
        ].join("\n\n"),
      );
    });
}
