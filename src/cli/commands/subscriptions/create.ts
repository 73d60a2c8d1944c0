import { Option } from "commander";
import { z } from "zod";
import type { QontoCommand } from "../../command.ts";
import { wrongUsage } from "../../fault.ts";
import { openQonto, sandboxOption } from "../../open-qonto.ts";
import { printable } from "../../output.ts";
import { readList } from "../../read-option.ts";
import { readCallbackUrl, secretAdvice, secretFrom, warnOfPath } from "../webhook-secret.ts";
import { PATH, businessTypes, subscription } from "./subscription.ts";

export const ROTATION = `
To change the secret: Qonto cannot change one, so create a second subscription for the same address and types, let the
relay know both secrets, and delete the first when events come with the new one. An event that comes twice meanwhile
is told by its id.`;

const options = z.object({
  url: z.string(),
  types: z.string().optional(),
  allTypes: z.boolean().optional(),
  description: z.string().optional(),
  secret: z.string().optional(),
});

/** `subscriptions create`: with a secret of its own. */
export function addCreate(subscriptions: QontoCommand): void {
  subscriptions
    .command("create")
    .description("subscribe the relay, with a secret that is made for it")
    .requiredOption("--url <url>", "the relay's, as https://relay.example.com/webhooks/qonto")
    .option("--types <types>", "comma-separated, as v1/transactions,v1/cards")
    .addOption(new Option("--all-types", "all that are known").conflicts("types"))
    .option("--description <text>", "at most 256 characters")
    .option("--secret <secret>", "one that the relay knows already, 32 to 128 characters; - reads standard input")
    .addOption(sandboxOption())
    .addHelpText(
      "after",
      `
Example:
  npm run qonto -- subscriptions create --url https://relay.example.com/webhooks/qonto --types v1/transactions,v1/cards
${ROTATION}`,
    )
    .action(async (_options: unknown, command: QontoCommand) => {
      const { output, invocation } = command;
      const { url, types, allTypes, description, secret: given } = options.parse(command.opts());
      if (types === undefined && allTypes !== true) throw wrongUsage("Which events? Give --types or --all-types.");
      const wish = {
        callback_url: readCallbackUrl(url, invocation.settings.value("QONTO_API_URL")),
        types: types === undefined ? businessTypes : readList(types, "--types"),
        ...(description === undefined ? {} : { description }),
      };
      const qonto = openQonto(command);
      const { secret, isNew } = await secretFrom(given, invocation);
      const created = await qonto.post(PATH, { ...wish, secret }, subscription);
      warnOfPath(wish.callback_url, output);
      output.show(isNew ? { ...created, secret } : created, () =>
        [
          printable(`Created ${created.id}: Qonto sends ${created.types.join(", ")} to ${created.callback_url}.`),
          ...(isNew ? [secretAdvice("QONTO_WEBHOOK_SECRETS", secret, output)] : []),
        ].join("\n\n"),
      );
    });
}
