import type { Command } from "commander";
import { z } from "zod";
import { contextOf, openRelay, relayOption } from "../context.ts";

const destination = z.looseObject({ id: z.string(), url: z.string(), types: z.array(z.string()) });

/** `destinations …`: the teams that the relay sends to. */
export function addDestinations(program: Command): void {
  const destinations = program.command("destinations").description("the teams that the relay sends to");
  destinations
    .command("list")
    .description("list them")
    .addOption(relayOption())
    .addHelpText("after", "\nExample:\n  npm run qonto -- destinations list")
    .action(async (_options: unknown, command: Command) => {
      const { output } = contextOf(command);
      const found = await Array.fromAsync(openRelay(command).list("/api/destinations", destination));
      output.show({ data: found }, () =>
        output.table(
          ["id", "url"],
          found.map(({ id, url }) => [id, url]),
        ),
      );
    });
}
