import { parseArgs } from "node:util";

export const usage = `npm run chaos -- [options]

Serves the relay from a fresh copy, sends it events as Qonto does to ten destinations of which most fail, kills it repeatedly with
kill -9 meanwhile, and then counts. Exits 0 only if nothing that was acknowledged is lost.

  --short        20 seconds and one kill
  --seconds <n>  how long events are sent (60)
  --rate <n>     events a second (20)
  --kills <n>    how often everything is killed (3)
  --seed <n>     plays the same events, kills and back-offs again`;

export interface Options {
  readonly seconds: number;
  readonly rate: number;
  readonly kills: number;
  readonly seed: number;
}

export class OptionError extends Error {}

/** Reads the command line; null when it asks for help. */
export function readOptions(commandLine: readonly string[], anySeed: number): Options | null {
  const { help, short, ...numbers } = parse(commandLine);
  if (help === true) return null;
  const usual = short === true ? { seconds: 20, kills: 1 } : { seconds: 60, kills: 3 };
  return {
    seconds: wholeNumber("seconds", numbers.seconds, usual.seconds, 1),
    rate: wholeNumber("rate", numbers.rate, 20, 1),
    kills: wholeNumber("kills", numbers.kills, usual.kills, 0),
    seed: wholeNumber("seed", numbers.seed, anySeed, 0),
  };
}

function parse(commandLine: readonly string[]) {
  const number = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const options = { help: flag, short: flag, seconds: number, rate: number, kills: number, seed: number };
  try {
    return parseArgs({ args: [...commandLine], options }).values;
  } catch (error) {
    throw new OptionError(error instanceof Error ? error.message : String(error));
  }
}

function wholeNumber(name: string, text: string | undefined, usual: number, least: number): number {
  if (text === undefined) return usual;
  if (!/^\d{1,9}$/.test(text) || Number(text) < least) {
    throw new OptionError(`--${name} must be a whole number from ${least} on, not "${text}".`);
  }
  return Number(text);
}
