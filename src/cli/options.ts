import { Option } from "commander";
import { parseInstant } from "../domain/instant.ts";
import { tryParseLosslessly } from "../platform/http.ts";
import { wrongUsage } from "./fault.ts";

/** A value as commander gives it. */
export type GivenOption = string | boolean | readonly string[] | undefined;

/** Reads what was given for an option, or throws wrong usage that names the option. */
export type Reader<Value, Given = string> = (given: Given, option: string, now: () => number) => Value;

/** An option of a command, with how its value is read. */
export interface CommandOption<Value> {
  readonly definition: Option;
  readonly read: (given: GivenOption, now: () => number) => Value;
}

function commandOption<Value>(definition: Option, read: Reader<Value, GivenOption>): CommandOption<Value> {
  return { definition, read: (given, now) => read(given, definition.long ?? "", now) };
}

/** `other`: the name of an option that cannot be given together with this one. */
export function conflicting<Value>(one: CommandOption<Value>, other: string): CommandOption<Value> {
  one.definition.conflicts(other);
  return one;
}

export function flag(flags: string, description: string): CommandOption<boolean> {
  return commandOption(new Option(flags, description), (given) => given === true);
}

export function option(flags: string, description: string): CommandOption<string | undefined>;
export function option<Value>(
  flags: string,
  description: string,
  reader: Reader<Value>,
): CommandOption<Value | undefined>;
export function option(flags: string, description: string, reader: Reader<unknown> = readText): CommandOption<unknown> {
  return commandOption(new Option(flags, description), (given, ...more) =>
    typeof given === "string" ? reader(given, ...more) : undefined,
  );
}

export function required<Value>(flags: string, description: string, reader: Reader<Value>): CommandOption<Value> {
  return alwaysGiven(new Option(flags, description).makeOptionMandatory(), reader);
}

export function withDefault<Value>(
  flags: string,
  description: string,
  value: string,
  reader: Reader<Value>,
): CommandOption<Value> {
  return alwaysGiven(new Option(flags, description).default(value), reader);
}

function alwaysGiven<Value>(definition: Option, reader: Reader<Value>): CommandOption<Value> {
  return commandOption(definition, (given, ...more) => reader(String(given), ...more));
}

/** An option that can be given several times. */
export function repeated(flags: string, description: string): CommandOption<readonly string[] | undefined> {
  const collect = (text: string, before: readonly string[] | undefined) => [...(before ?? []), text];
  return commandOption(new Option(flags, description).argParser(collect), (given) =>
    typeof given === "object" ? given : undefined,
  );
}

export function choice<Value extends string>(
  flags: string,
  description: string,
  value: NoInfer<Value>,
  choices: readonly Value[],
): CommandOption<Value> {
  const definition = new Option(flags, description).choices(choices).default(value);
  return alwaysGiven(definition, (given) => choices.find((one) => one === given) ?? value);
}

export const readText: Reader<string> = (text) => text;

export const readNonEmpty: Reader<string> = (text, name) => {
  if (text === "") throw wrongUsage(`${name} must not be empty.`);
  return text;
};

/** The parts of a comma-separated text. */
export const readList: Reader<string[]> = (text, name) => {
  const parts = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  if (parts.length === 0) throw wrongUsage(`${name} is empty.`);
  return parts;
};

export const readNumber: Reader<number> = (text, name) => {
  const number = Number(text);
  if (text.trim() === "" || !Number.isFinite(number)) throw wrongUsage(`${name} is no number.`);
  return number;
};

/** A whole number in a range. */
export function readWhole(from: number, to: number): Reader<number> {
  return (text, name) => {
    const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (number >= from && number <= to) return number;
    throw wrongUsage(`${name} must be a whole number from ${from} to ${to}.`);
  };
}

/** One word that stands for a value of its own (`all`, `none`, `default`); any other text is read by the reader. */
export function orWord<Special, Value>(word: string, special: Special, reader: Reader<Value>): Reader<Special | Value> {
  return (text, name, now) => (text === word ? special : reader(text, name, now));
}

/** JSON whose numbers keep all their digits on the way to the relay. */
export const readJson: Reader<unknown> = (text, name) => {
  const json = tryParseLosslessly(text);
  if (json === undefined) throw wrongUsage(`${name} must be JSON.`, `Such as '{"data.side": "credit"}', in quotes.`);
  return json;
};

const unitsMs: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** Unix milliseconds of an instant (ISO 8601, or Unix seconds), in UTC without a zone, or of a time ago (`90s`, `2h`, `3d`). */
export const readTime: Reader<number> = (text, name, now) => {
  const [, amount, unit = ""] = /^(\d{1,6})([smhdw])$/.exec(text) ?? [];
  if (amount !== undefined) return now() - Number(amount) * (unitsMs[unit] ?? 0);
  const instant = parseInstant(text);
  if (instant === null) {
    throw wrongUsage(
      `${name} is no time.`,
      "Write an instant, 2026-01-31T10:00:00Z or 2026-01-31T10:00+01:00, or how long ago: 90s, 15m, 2h, 3d.",
    );
  }
  return Date.parse(instant.iso);
};

/** The same in ISO 8601. */
export const readIsoTime: Reader<string> = (text, name, now) => new Date(readTime(text, name, now)).toISOString();
