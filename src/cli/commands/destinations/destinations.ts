import { z } from "zod";
import { type QontoCommand, openRelay, relayOption } from "../../command.ts";
import { wrongUsage } from "../../fault.ts";
import { readNumber } from "../../read-option.ts";
import { PATH, type Destination, asFields, asTable, destination, pathOf } from "./destination.ts";
import { addTest } from "./test-delivery.ts";
import { addWishOptions, readWish } from "./wish.ts";

const limited = z.object({
  limit: z
    .string()
    .regex(/^[1-9]\d{0,8}$/)
    .transform(Number)
    .optional(),
});

/** `destinations …`: the destinations that the relay sends to. */
export function addDestinations(program: QontoCommand): void {
  const destinations = program.command("destinations").description("the destinations that the relay sends to");
  addList(destinations);
  addShow(destinations);
  addCreate(destinations);
  addUpdate(destinations);
  addDelete(destinations);
  addSwitch(destinations, "pause", false, "send it nothing for now; what comes meanwhile waits");
  addSwitch(destinations, "resume", true, "go on sending, with what has waited");
  addRotateSecret(destinations);
  addTest(destinations);
}

function ofRelay(destinations: QontoCommand, usage: string, description: string, example: string): QontoCommand {
  return destinations
    .command(usage)
    .description(description)
    .addOption(relayOption())
    .addHelpText("after", `\nExample:\n  npm run qonto -- destinations ${example}`);
}

function addList(destinations: QontoCommand): void {
  ofRelay(destinations, "list", "list them, from all pages", "list --limit 10")
    .option("--limit <n>", "no more than these")
    .action(async (_options: unknown, command: QontoCommand) => {
      const { output } = command;
      const parsed = limited.safeParse(command.opts());
      if (!parsed.success) throw wrongUsage("--limit is no whole number.");
      const found = await Array.fromAsync(openRelay(command).list(PATH, destination, parsed.data));
      output.show({ data: found }, () => asTable(found, output));
    });
}

function addShow(destinations: QontoCommand): void {
  ofRelay(destinations, "show <id>", "show one and its health", "show dst_0193").action(
    async (id: string, _options: unknown, command: QontoCommand) => {
      showOne(command, await openRelay(command).get(pathOf(id), destination));
    },
  );
}

function addCreate(destinations: QontoCommand): void {
  addWishOptions(
    ofRelay(
      destinations,
      "create <endpoint>",
      "add one; its secret is shown this once",
      "create https://accounting.example.com/qonto --types v1/transactions,registrations.*",
    ),
  )
    .option("--paused", "send it nothing yet")
    .action(async (endpoint: string, _options: unknown, command: QontoCommand) => {
      const { output } = command;
      const { paused = false } = z.object({ paused: z.boolean().optional() }).parse(command.opts());
      const wish = { ...readWish(command), url: endpoint, ...(paused ? { enabled: false } : {}) };
      const created = await openRelay(command).post(PATH, wish, destination.extend({ secret: z.string() }));
      output.show(created, () =>
        [asFields(created, output), "", `Secret, shown this once:  ${output.paint("bold", created.secret)}`].join("\n"),
      );
    });
}

function addUpdate(destinations: QontoCommand): void {
  addWishOptions(
    ofRelay(destinations, "update <id>", "change what is given", "update dst_0193 --types all --max-per-second 20"),
  )
    .option("--endpoint <url>", "where it listens now")
    .action(async (id: string, _options: unknown, command: QontoCommand) => {
      const wish = readWish(command);
      if (Object.keys(wish).length === 0) throw wrongUsage("What is to change?", "--help names what can.");
      showOne(command, await openRelay(command).patch(pathOf(id), wish, destination));
    });
}

function addDelete(destinations: QontoCommand): void {
  ofRelay(destinations, "delete <id>", "remove one; what it was still owed ends as dead", "delete dst_0193").action(
    async (id: string, _options: unknown, command: QontoCommand) => {
      const { output } = command;
      await openRelay(command).delete(pathOf(id));
      output.show({ id, deleted: true }, () => `Removed ${id}.`);
    },
  );
}

function addSwitch(destinations: QontoCommand, name: string, enabled: boolean, description: string): void {
  ofRelay(destinations, `${name} <id>`, description, `${name} dst_0193`).action(
    async (id: string, _options: unknown, command: QontoCommand) => {
      showOne(command, await openRelay(command).patch(pathOf(id), { enabled }, destination));
    },
  );
}

function addRotateSecret(destinations: QontoCommand): void {
  ofRelay(
    destinations,
    "rotate-secret <id>",
    "make a new secret, shown this once; the old one signs too until the overlap ends",
    "rotate-secret dst_0193 --overlap 3600",
  )
    .option("--overlap <seconds>", "how long both sign (else a day)")
    .action(async (id: string, _options: unknown, command: QontoCommand) => {
      const { output } = command;
      const { overlap } = z.object({ overlap: z.string().optional() }).parse(command.opts());
      const body: { overlap_seconds?: number } =
        overlap === undefined ? {} : { overlap_seconds: readNumber(overlap, "--overlap") };
      const rotated = await openRelay(command).post(
        `${pathOf(id)}/rotate-secret`,
        body,
        z.looseObject({ secret: z.string() }),
      );
      command.invocation.secrets.keep(rotated.secret);
      output.show(rotated, () =>
        [
          `Secret, shown this once:  ${output.paint("bold", rotated.secret)}`,
          ...(body.overlap_seconds === 0 ? ["Deliveries are signed with it alone from now on."] : whileBothSign),
        ].join("\n"),
      );
    });
}

const whileBothSign = [
  "Deliveries are signed with it and with the old one until the overlap ends.",
  "X-Qonto-Signature, which has room for one, stays the oldest one's until its overlap ends: let the receiver accept both.",
];

function showOne(command: QontoCommand, found: Destination): void {
  const { output } = command;
  output.show(found, () => asFields(found, output));
}
