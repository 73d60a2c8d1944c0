import { parseArgs } from "node:util";

const sectionNames = [
  "ack",
  "end-to-end",
  "faults",
  "overload",
  "strangers",
  "drain",
  "cold-start",
  "scale",
  "cost",
] as const;

export type SectionName = (typeof sectionNames)[number];

export const usage = `npm run bench -- [options]

Measures the built Worker on this machine, beside reference Workers in the same run. Keeps nothing but its figures.

  --only <section>  one of ${sectionNames.join(", ")}; may be given several times
  --short           a smoke run of less than a minute: no figure of it means much
  --json <file>     where the figures go (.wrangler/bench/<commit>.json)
  --compare <file>  figures of another run, to stand beside these`;

export interface Options {
  readonly sections: readonly SectionName[];
  readonly isShort: boolean;
  readonly json: string | null;
  readonly compare: string | null;
}

export class OptionError extends Error {}

/** Reads the command line; null when it asks for help. */
export function readOptions(commandLine: readonly string[]): Options | null {
  const { help, short, only, json, compare } = parse(commandLine);
  if (help === true) return null;
  return {
    sections: only === undefined ? sectionNames : sectionNames.filter((name) => only.includes(name)),
    isShort: short === true,
    json: json ?? null,
    compare: compare ?? null,
  };
}

function parse(commandLine: readonly string[]) {
  const flag = { type: "boolean" } as const;
  const text = { type: "string" } as const;
  const options = { help: flag, short: flag, only: { ...text, multiple: true as const }, json: text, compare: text };
  try {
    const { values } = parseArgs({ args: [...commandLine], options });
    const unknown = values.only?.find((name) => !sectionNames.some((one) => one === name));
    if (unknown !== undefined) throw new Error(`There is no section "${unknown}".`);
    return values;
  } catch (error) {
    throw new OptionError(error instanceof Error ? error.message : String(error));
  }
}
