import os from "node:os";
import { parseArgs } from "node:util";

export const usage = `npm run simulation [-- --seeds N] [--from S] [--within SECONDS] [--trace | --deliberate-faults]

Plays N histories of the whole Worker under faults, each decided by its seed, from seed S on, and checks after every step
that nothing acknowledged is lost and every other promise is kept.

  --seeds N            how many (500)
  --from S             the first seed (1)
  --within SECONDS     begin no further ones after so long
  --threads N          how many at once (one for each core)
  --trace              print all that happens
  --deliberate-faults  build the Worker with one fault after another, and say which seed finds each
  --only TEXT          of the deliberate faults those with this text in their title`;

export interface Options {
  readonly seeds: number;
  readonly from: number;
  readonly withinMs: number;
  readonly threads: number;
  readonly does: "play" | "trace" | "find-deliberate-faults";
  readonly only: string;
}

/** Null when help is asked for. Throws a TypeError that says what is wrong with the command. */
export function readOptions(): Options | null {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: "500" },
      from: { type: "string", default: "1" },
      within: { type: "string" },
      threads: { type: "string", default: String(os.availableParallelism()) },
      trace: { type: "boolean", default: false },
      "deliberate-faults": { type: "boolean", default: false },
      only: { type: "string", default: "" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return null;
  return {
    seeds: readNumber("--seeds", values.seeds),
    from: readNumber("--from", values.from),
    withinMs: values.within === undefined ? Number.POSITIVE_INFINITY : readNumber("--within", values.within) * 1000,
    threads: readNumber("--threads", values.threads),
    does: values["deliberate-faults"] ? "find-deliberate-faults" : values.trace ? "trace" : "play",
    only: values.only,
  };
}

function readNumber(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1)
    throw new TypeError(`${name} takes a whole number from 1, not "${text}"`);
  return number;
}
