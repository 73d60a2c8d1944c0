import { z } from "zod";
import { type QontoCommand, openRelay, relayOption } from "../../command.ts";
import { wrongUsage } from "../../fault.ts";
import { readTime } from "../../read-time.ts";
import { PATH, asTable, asText, event, eventDetail, pathOf } from "./event.ts";

const DEFAULT_LIMIT = 50;

const filters = z.object({
  type: z.string().optional(),
  organization: z.string().optional(),
  since: z.string().optional(),
  until: z.string().optional(),
  limit: z
    .string()
    .regex(/^([1-9]\d{0,8}|all)$/)
    .transform((text) => (text === "all" ? Infinity : Number(text)))
    .default(DEFAULT_LIMIT),
});

/** `events …`: what came in, and what became of it. */
export function addEvents(program: QontoCommand): void {
  const events = program.command("events").description("what came in, and what became of it");
  events
    .command("list")
    .description("list them, newest first")
    .addOption(relayOption())
    .option("--type <type>", "of this type alone")
    .option("--organization <id>", "of this organization alone")
    .option("--since <time>", "received then or later: an instant, or how long ago, as 2h")
    .option("--until <time>", "received before")
    .option("--limit <n>", "no more than these; `all`", String(DEFAULT_LIMIT))
    .addHelpText("after", "\nExample:\n  npm run qonto -- events list --type v1/transactions --since 2h --limit all")
    .action(async (_options: unknown, command: QontoCommand) => {
      const { output, invocation } = command;
      const parsed = filters.safeParse(command.opts());
      if (!parsed.success) throw wrongUsage("--limit is a whole number, or `all`.");
      const { type, organization, since, until, limit } = parsed.data;
      const nowMs = invocation.world.now();
      const query = {
        type,
        organization_id: organization,
        since: isoTime(since, "--since", nowMs),
        until: isoTime(until, "--until", nowMs),
        limit,
      };
      const found = await Array.fromAsync(openRelay(command).list(PATH, event, query));
      output.show({ data: found }, () => asTable(found, output));
    });
  events
    .command("show <id>")
    .description("show one, its payload, and each attempt at each destination")
    .addOption(relayOption())
    .addHelpText("after", "\nExample:\n  npm run qonto -- events show 018f71db-c635-78b5-b90a-ea05de98c2bf")
    .action(async (id: string, _options: unknown, command: QontoCommand) => {
      const { output } = command;
      const found = await openRelay(command).get(pathOf(id), eventDetail);
      output.show(found, () => asText(found, output));
    });
}

function isoTime(text: string | undefined, option: string, nowMs: number): string | undefined {
  return text === undefined ? undefined : new Date(readTime(text, option, nowMs)).toISOString();
}
