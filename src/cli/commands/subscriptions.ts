import type { Command } from "commander";
import { z } from "zod";
import { contextOf } from "../context.ts";
import { openQonto, sandboxOption } from "../open-qonto.ts";
import type { QontoClient } from "../qonto-client.ts";

const PATH = "v2/webhook_subscriptions";

/** A subscription as Qonto shows it, never with its secret. */
export const subscription = z
  .looseObject({
    id: z.string(),
    callback_url: z.string(),
    types: z.array(z.string()),
    description: z.string().nullish(),
    created_at: z.string().nullish(),
  })
  .transform(({ secret: _secret, ...shown }) => shown);

export type Subscription = z.output<typeof subscription>;

/** All of them: Qonto shows those of this user and this client. */
export function listSubscriptions(qonto: QontoClient): AsyncGenerator<Subscription> {
  return qonto.list(PATH, "subscriptions", subscription);
}

/** `subscriptions …`: where Qonto's Business API sends which events. */
export function addSubscriptions(program: Command): void {
  const subscriptions = program.command("subscriptions").description("where Qonto sends which events");
  subscriptions
    .command("list")
    .description("list them, from all pages")
    .addOption(sandboxOption())
    .addHelpText("after", "\nExample:\n  npm run qonto -- subscriptions list --sandbox")
    .action(async (_options: unknown, command: Command) => {
      const { output } = contextOf(command);
      const found = await Array.fromAsync(listSubscriptions(openQonto(command)));
      output.show({ subscriptions: found }, () =>
        output.table(
          ["id", "url", "types"],
          found.map(({ id, callback_url, types }) => [id, callback_url, types.join(", ")]),
        ),
      );
    });
}
