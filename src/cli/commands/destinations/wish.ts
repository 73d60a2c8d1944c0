import { z } from "zod";
import type { QontoCommand } from "../../command.ts";
import { readList, readNumber } from "../../read-option.ts";

const options = z.object({
  endpoint: z.string().optional(),
  description: z.string().optional(),
  types: z.string().optional(),
  organizations: z.string().optional(),
  retrySchedule: z.string().optional(),
  timeoutMs: z.string().optional(),
  maxPerSecond: z.string().optional(),
});

/** Options that say what a destination wants, for making and for changing it. */
export function addWishOptions(command: QontoCommand): QontoCommand {
  return command
    .option("--description <text>", "what people call it")
    .option("--types <types>", "comma-separated, each exact or with a * at its end; `all`")
    .option("--organizations <ids>", "comma-separated; `all`")
    .option("--retry-schedule <seconds>", "waits between attempts, as 5,60,3600; `default`")
    .option("--timeout-ms <ms>", "how long an attempt may take, 100 to 30000")
    .option("--max-per-second <n>", "how many a second at most; `none`");
}

/** What the options say, as the operator's API takes it. It checks the values. */
export function readWish(command: QontoCommand): Record<string, unknown> {
  const given = options.parse(command.opts());
  const wish = {
    url: given.endpoint,
    description: given.description,
    types: given.types === "all" ? [] : list(given.types, "--types"),
    organizations: given.organizations === "all" ? null : list(given.organizations, "--organizations"),
    retry_schedule_seconds:
      given.retrySchedule === "default"
        ? null
        : list(given.retrySchedule, "--retry-schedule")?.map((wait) => readNumber(wait, "--retry-schedule")),
    timeout_ms: given.timeoutMs === undefined ? undefined : readNumber(given.timeoutMs, "--timeout-ms"),
    max_per_second: given.maxPerSecond === "none" ? null : number(given.maxPerSecond, "--max-per-second"),
  };
  return Object.fromEntries(Object.entries(wish).filter(([, value]) => value !== undefined));
}

function list(text: string | undefined, option: string): string[] | undefined {
  return text === undefined ? undefined : readList(text, option);
}

function number(text: string | undefined, option: string): number | undefined {
  return text === undefined ? undefined : readNumber(text, option);
}
