import { type Command, Option } from "commander";
import { z } from "zod";
import { sampleTypes, sourceOfType } from "../../qonto/sample-event.ts";
import { contextOf } from "../context.ts";
import { wrongUsage } from "../fault.ts";
import { openQonto, sandboxOption } from "../open-qonto.ts";
import type { Output } from "../output.ts";
import type { QontoClient } from "../qonto-client.ts";
import { readList } from "../read-option.ts";
import { callbackWarning, readCallbackUrl, secretAdvice, secretFrom } from "./webhook-secret.ts";

const PATH = "v2/webhook_subscriptions";

/** A subscription as Qonto shows it, never with its secret. */
const subscription = z
  .looseObject({
    id: z.string(),
    callback_url: z.string(),
    types: z.array(z.string()),
    description: z.string().nullish(),
    created_at: z.string().nullish(),
  })
  .transform(({ secret: _secret, ...shown }) => shown);

type Subscription = z.output<typeof subscription>;

const businessTypes = sampleTypes.filter((type) => sourceOfType(type) === "business");

const ROTATION = `
To change the secret: Qonto cannot change one, so create a second subscription for the same address and types, let the
relay know both secrets, and delete the first when events come with the new one. An event that comes twice meanwhile
is told by its id.`;

/** All of them: Qonto shows those of this user and this client. */
function listSubscriptions(qonto: QontoClient): AsyncGenerator<Subscription> {
  return qonto.list(PATH, "subscriptions", subscription);
}

/** `subscriptions …`: where Qonto's Business API sends which events. */
export function addSubscriptions(program: Command): void {
  const subscriptions = program
    .command("subscriptions")
    .description("where Qonto's Business API sends which events")
    .addHelpText("after", ROTATION);
  addList(subscriptions);
  addCreate(subscriptions);
  addUpdate(subscriptions);
  addDelete(subscriptions);
}

function addList(subscriptions: Command): void {
  subscriptions
    .command("list")
    .description("list them, from all pages")
    .addOption(sandboxOption())
    .addHelpText("after", "\nExample:\n  npm run qonto -- subscriptions list --sandbox")
    .action(async (_options: unknown, command: Command) => {
      const { output } = contextOf(command);
      const found = await Array.fromAsync(listSubscriptions(openQonto(command)));
      output.show({ subscriptions: found }, () => asTable(found, output));
    });
}

const creation = z.object({
  url: z.string(),
  types: z.string().optional(),
  allTypes: z.boolean().optional(),
  description: z.string().optional(),
  secret: z.string().optional(),
});

function addCreate(subscriptions: Command): void {
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
    .action(async (_options: unknown, command: Command) => {
      const { output } = contextOf(command);
      const { url, types, allTypes, description, secret: given } = creation.parse(command.opts());
      if (types === undefined && allTypes !== true) throw wrongUsage("Which events? Give --types or --all-types.");
      const wish = {
        callback_url: readCallbackUrl(url),
        types: types === undefined ? businessTypes : readList(types, "--types"),
        ...(description === undefined ? {} : { description }),
      };
      const qonto = openQonto(command);
      const { secret, isNew } = await secretFrom(given);
      const created = await qonto.post(PATH, { ...wish, secret }, subscription);
      warn(url, output);
      output.show(isNew ? { ...created, secret } : created, () =>
        [
          `Created ${created.id}: Qonto sends ${created.types.join(", ")} to ${created.callback_url}.`,
          ...(isNew ? [secretAdvice("QONTO_WEBHOOK_SECRETS", secret, output)] : []),
        ].join("\n\n"),
      );
    });
}

const change = creation.omit({ secret: true }).partial();

function addUpdate(subscriptions: Command): void {
  subscriptions
    .command("update")
    .argument("<id>", "the subscription's")
    .description("change what is given and keep the rest; its secret stays")
    .option("--url <url>", "the relay's")
    .option("--types <types>", "comma-separated; they take the place of the old ones")
    .addOption(new Option("--all-types", "all that are known").conflicts("types"))
    .option("--description <text>", "at most 256 characters")
    .addOption(sandboxOption())
    .addHelpText(
      "after",
      "\nExample:\n  npm run qonto -- subscriptions update 018f71db-… --types v1/transactions,v1/transfers",
    )
    .action(async (id: string, _options: unknown, command: Command) => {
      const { output } = contextOf(command);
      const { url, types, allTypes, description } = change.parse(command.opts());
      if (url === undefined && types === undefined && allTypes !== true && description === undefined) {
        throw wrongUsage("What is to change? Give --url, --types, --all-types or --description.");
      }
      const given = {
        ...(url === undefined ? {} : { callback_url: readCallbackUrl(url) }),
        ...(types === undefined ? {} : { types: readList(types, "--types") }),
        ...(allTypes === true ? { types: businessTypes } : {}),
        ...(description === undefined ? {} : { description }),
      };
      const qonto = openQonto(command);
      const path = `${PATH}/${encodeURIComponent(id)}`;
      const before = await qonto.get(path, subscription);
      // PUT replaces: what is left out would be lost. The secret alone is kept when it is left out.
      const kept = {
        callback_url: before.callback_url,
        types: before.types,
        ...(typeof before.description === "string" ? { description: before.description } : {}),
      };
      const changed = await qonto.put(path, { ...kept, ...given }, subscription);
      if (url !== undefined) warn(url, output);
      output.show(changed, () => asTable([changed], output));
    });
}

function addDelete(subscriptions: Command): void {
  subscriptions
    .command("delete")
    .argument("<id>", "the subscription's")
    .description("end it")
    .addOption(sandboxOption())
    .addHelpText("after", "\nExample:\n  npm run qonto -- subscriptions delete 018f71db-…")
    .action(async (id: string, _options: unknown, command: Command) => {
      const { output } = contextOf(command);
      await openQonto(command).delete(`${PATH}/${encodeURIComponent(id)}`);
      output.show({ id, deleted: true }, () => `Deleted ${id}: Qonto sends nothing more for it.`);
    });
}

function warn(url: string, output: Output): void {
  const warning = callbackWarning(url);
  if (warning !== null) output.note(warning);
}

function asTable(subscriptions: readonly Subscription[], output: Output): string {
  if (subscriptions.length === 0) return "There is none. `subscriptions create` makes one.";
  return output.table(
    ["id", "url", "types", "description"],
    subscriptions.map(({ id, callback_url, types, description }) => [
      id,
      callback_url,
      types.join(", "),
      description ?? "",
    ]),
  );
}
