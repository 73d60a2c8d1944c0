import { z } from "zod";
import type { QontoClient } from "../../qonto/api-client.ts";
import { sampleTypes, sourceOfType } from "../../qonto/sample-event.ts";
import { callbackUrlOption, readCallbackUrl, warnOfPath } from "../callback-url.ts";
import { defineCommand, defineGroup } from "../command.ts";
import { wrongUsage } from "../fault.ts";
import { conflicting, flag, option, readList } from "../options.ts";
import { type Output, printable } from "../output.ts";
import { secretAdvice, secretFrom, secretOption } from "../webhook-secret.ts";

const PATH = "/v2/webhook_subscriptions";

const pathOf = (id: string) => `${PATH}/${encodeURIComponent(id)}`;

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

export type Subscription = z.output<typeof subscription>;

export const businessTypes = sampleTypes.filter((type) => sourceOfType(type) === "business");

/** All of them: Qonto shows those of this user and this client. */
export function listSubscriptions(qonto: QontoClient): AsyncGenerator<Subscription> {
  return qonto.list(PATH, "subscriptions", subscription);
}

const ROTATION = `To change the secret: Qonto cannot change one, so create a second subscription for the same address and types, let the
relay know both secrets, and delete the first when events arrive with the new one. The id of an event tells whether it
arrived twice meanwhile.`;

const ofOne = { arguments: { id: "the subscription's id" }, asks: ["qonto"] } as const;

const settable = {
  allTypes: conflicting(flag("--all-types", "all that are known"), "types"),
  description: option("--description <text>", "at most 256 characters"),
};

const list = defineCommand({
  name: "list",
  summary: "list them all",
  asks: ["qonto"],
  example: "subscriptions list --sandbox",
  async run({ output, openQonto }) {
    const found = await Array.fromAsync(listSubscriptions(openQonto()));
    output.show({ subscriptions: found }, () => asTable(found, output));
  },
});

const create = defineCommand({
  name: "create",
  summary: "subscribe the relay, with a secret that is made for it",
  asks: ["qonto"],
  options: {
    url: callbackUrlOption,
    types: option("--types <types>", "comma-separated, as v1/transactions,v1/cards", readList),
    ...settable,
    secret: secretOption,
  },
  help: ROTATION,
  example: "subscriptions create --url https://relay.example.com/webhooks/qonto --types v1/transactions,v1/cards",
  async run(context, { url, types, allTypes, description, secret: given }) {
    const { output, settings, openQonto } = context;
    if (types === undefined && !allTypes) throw wrongUsage("Which events? Give --types or --all-types.");
    const callback_url = readCallbackUrl(url, settings.value("QONTO_API_URL"));
    const qonto = openQonto();
    const { secret, isNew } = await secretFrom(given, context);
    const input = { callback_url, types: types ?? businessTypes, description, secret };
    const created = await qonto.post(PATH, input, subscription);
    warnOfPath(callback_url, output);
    output.show(isNew ? { ...created, secret } : created, () =>
      [
        printable(`Created ${created.id}: Qonto sends ${created.types.join(", ")} to ${created.callback_url}.`),
        ...(isNew ? [secretAdvice("business", secret, output)] : []),
      ].join("\n\n"),
    );
  },
});

/** Qonto replaces a subscription whole, so what does not change is sent as it was. */
const update = defineCommand({
  name: "update",
  summary: "change what is given and keep the rest; its secret is not touched",
  ...ofOne,
  options: {
    url: option("--url <url>", "the relay's"),
    types: option("--types <types>", "comma-separated; they replace the old ones", readList),
    ...settable,
  },
  example: "subscriptions update 018f71db-… --types v1/transactions,v1/transfers",
  async run({ output, settings, openQonto }, { id, url, types, allTypes, description }) {
    const changes = {
      callback_url: url === undefined ? undefined : readCallbackUrl(url, settings.value("QONTO_API_URL")),
      types: allTypes ? businessTypes : types,
      description,
    };
    if (Object.values(changes).every((value) => value === undefined)) {
      throw wrongUsage("What is to change? Give --url, --types, --all-types or --description.");
    }
    const qonto = openQonto();
    const before = await qonto.get(pathOf(id), subscription);
    // What is left out would be lost. The secret cannot be sent, because Qonto shows it only once.
    const input = {
      callback_url: changes.callback_url ?? before.callback_url,
      types: changes.types ?? before.types,
      description: changes.description ?? before.description ?? undefined,
    };
    const changed = await qonto.put(pathOf(id), input, subscription);
    if (changes.callback_url !== undefined) warnOfPath(changes.callback_url, output);
    output.show(changed, () => asTable([changed], output));
  },
});

const remove = defineCommand({
  name: "delete",
  summary: "end one",
  ...ofOne,
  example: "subscriptions delete 018f71db-…",
  async run({ output, openQonto }, { id }) {
    await openQonto().delete(pathOf(id));
    output.show({ id, deleted: true }, () => `Deleted ${id}: Qonto sends nothing more for it.`);
  },
});

export const subscriptions = defineGroup("subscriptions", "where Qonto's Business API sends which events", {
  help: ROTATION,
  commands: [list, create, update, remove],
});

function asTable(found: readonly Subscription[], output: Output): string {
  if (found.length === 0) return "No subscriptions yet. `subscriptions create` makes one.";
  return output.table(
    ["id", "url", "types", "description"],
    found.map(({ id, callback_url, types, description }) => [id, callback_url, types.join(", "), description ?? ""]),
  );
}
