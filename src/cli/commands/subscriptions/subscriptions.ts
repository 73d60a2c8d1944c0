import type { QontoCommand } from "../../command.ts";
import { openQonto, sandboxOption } from "../../open-qonto.ts";
import { ROTATION, addCreate } from "./create.ts";
import { asTable, listSubscriptions, pathOf } from "./subscription.ts";
import { addUpdate } from "./update.ts";

/** `subscriptions …`: where Qonto's Business API sends which events. */
export function addSubscriptions(program: QontoCommand): void {
  const subscriptions = program
    .command("subscriptions")
    .description("where Qonto's Business API sends which events")
    .addHelpText("after", ROTATION);
  addList(subscriptions);
  addCreate(subscriptions);
  addUpdate(subscriptions);
  addDelete(subscriptions);
}

function addList(subscriptions: QontoCommand): void {
  subscriptions
    .command("list")
    .description("list them, from all pages")
    .addOption(sandboxOption())
    .addHelpText("after", "\nExample:\n  npm run qonto -- subscriptions list --sandbox")
    .action(async (_options: unknown, command: QontoCommand) => {
      const { output } = command;
      const found = await Array.fromAsync(listSubscriptions(openQonto(command)));
      output.show({ subscriptions: found }, () => asTable(found, output));
    });
}

function addDelete(subscriptions: QontoCommand): void {
  subscriptions
    .command("delete")
    .argument("<id>", "the subscription's")
    .description("end it")
    .addOption(sandboxOption())
    .addHelpText("after", "\nExample:\n  npm run qonto -- subscriptions delete 018f71db-…")
    .action(async (id: string, _options: unknown, command: QontoCommand) => {
      const { output } = command;
      await openQonto(command).delete(pathOf(id));
      output.show({ id, deleted: true }, () => `Deleted ${id}: Qonto sends nothing more for it.`);
    });
}
