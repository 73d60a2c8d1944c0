import { Option } from "commander";
import { z } from "zod";
import type { QontoCommand } from "../../command.ts";
import { wrongUsage } from "../../fault.ts";
import { openQonto, sandboxOption } from "../../open-qonto.ts";
import { readList } from "../../read-option.ts";
import { readCallbackUrl, warnOfPath } from "../webhook-secret.ts";
import { asTable, businessTypes, pathOf, subscription } from "./subscription.ts";

const options = z.object({
  url: z.string().optional(),
  types: z.string().optional(),
  allTypes: z.boolean().optional(),
  description: z.string().optional(),
});

/** `subscriptions update`: Qonto replaces a subscription whole, so what is not changed is sent as it was. */
export function addUpdate(subscriptions: QontoCommand): void {
  subscriptions
    .command("update")
    .argument("<id>", "the subscription's")
    .description("change what is given and keep the rest; its secret is not touched")
    .option("--url <url>", "the relay's")
    .option("--types <types>", "comma-separated; they take the place of the old ones")
    .addOption(new Option("--all-types", "all that are known").conflicts("types"))
    .option("--description <text>", "at most 256 characters")
    .addOption(sandboxOption())
    .addHelpText(
      "after",
      "\nExample:\n  npm run qonto -- subscriptions update 018f71db-… --types v1/transactions,v1/transfers",
    )
    .action(async (id: string, _options: unknown, command: QontoCommand) => {
      const { output, invocation } = command;
      const { url, types, allTypes, description } = options.parse(command.opts());
      if (url === undefined && types === undefined && allTypes !== true && description === undefined) {
        throw wrongUsage("What is to change? Give --url, --types, --all-types or --description.");
      }
      const given = {
        ...(url === undefined
          ? {}
          : { callback_url: readCallbackUrl(url, invocation.settings.value("QONTO_API_URL")) }),
        ...(types === undefined ? {} : { types: readList(types, "--types") }),
        ...(allTypes === true ? { types: businessTypes } : {}),
        ...(description === undefined ? {} : { description }),
      };
      const qonto = openQonto(command);
      const path = pathOf(id);
      const before = await qonto.get(path, subscription);
      // What is left out would be lost; the secret cannot be sent, for Qonto shows it once only.
      const kept = {
        callback_url: before.callback_url,
        types: before.types,
        ...(typeof before.description === "string" ? { description: before.description } : {}),
      };
      const changed = await qonto.put(path, { ...kept, ...given }, subscription);
      if (given.callback_url !== undefined) warnOfPath(given.callback_url, output);
      output.show(changed, () => asTable([changed], output));
    });
}
