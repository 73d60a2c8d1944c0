import { z } from "zod";
import { type QontoCommand, openRelay, relayOption } from "../../command.ts";
import { printable } from "../../output.ts";
import { pathOf } from "./destination.ts";

const result = z.looseObject({
  outcome: z.string(),
  status: z.number().nullable(),
  duration_ms: z.number(),
  response_excerpt: z.string().nullable(),
});

/** `destinations test`: one signed sample event, now. */
export function addTest(destinations: QontoCommand): void {
  destinations
    .command("test <id>")
    .description("have the relay send it one signed sample event now")
    .addOption(relayOption())
    .addHelpText("after", "\nExample:\n  npm run qonto -- destinations test dst_0193")
    .action(async (id: string, _options: unknown, command: QontoCommand) => {
      const { output } = command;
      const tested = await openRelay(command).post(`${pathOf(id)}/test`, {}, result);
      const { outcome, status, duration_ms, response_excerpt } = tested;
      const isDelivered = outcome === "delivered";
      output.show(tested, () =>
        [
          `${output.paint(isDelivered ? "green" : "red", printable(outcome))}: ${status ?? "no answer"}, ${duration_ms} ms`,
          ...(response_excerpt ? [printable(response_excerpt)] : []),
        ].join("\n"),
      );
      if (!isDelivered) command.invocation.exitCode = 1;
    });
}
