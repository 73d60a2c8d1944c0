import type { FaultText } from "./fault-text.ts";
import { type FaultName, faults } from "./faults.ts";

type Values = Readonly<Record<string, string | readonly string[]>>;

/** A fault that a check found, and how it shows. `about`: the values of the fault's text. An empty list is no value. */
export interface Finding {
  readonly fault: FaultName;
  readonly seen: string;
  readonly about?: Values;
}

/** A finding with the text of its fault, as people and programs read it. */
export interface ExplainedFinding {
  readonly fault: FaultName;
  readonly what: string;
  readonly seen: string;
  readonly remedy: string;
  readonly commands: readonly string[];
}

/** `shared`: values that hold for every finding. */
export function explain({ fault, seen, about = {} }: Finding, shared: Values): ExplainedFinding {
  const { means, remedy, commands = [] }: FaultText = faults[fault];
  const values = { ...shared, ...about };
  return {
    fault,
    what: fill(means, values),
    seen,
    remedy: fill(remedy, values),
    commands: commands.flatMap((command) => fillForEach(command, values)),
  };
}

/** A value that the finding does not have is shown by its name: `<id>`. */
function fill(text: string, values: Values): string {
  return text.replaceAll(/\{(\w+)\}/g, (_placeholder, name: string) => {
    const value = values[name] ?? [];
    return typeof value === "string" ? value : value.join(", ") || `<${name}>`;
  });
}

/** A command is given for each item of a list that it names. */
function fillForEach(command: string, values: Values): string[] {
  for (const [name, value] of Object.entries(values)) {
    if (typeof value !== "string" && value.length > 0 && command.includes(`{${name}}`)) {
      return value.map((item) => fill(command, { ...values, [name]: item }));
    }
  }
  return [fill(command, values)];
}

/** What a check came to. `notes`: what is no fault and worth knowing. */
export type Result =
  | { readonly outcome: "passed"; readonly says: string; readonly notes: readonly string[] }
  | { readonly outcome: "failed"; readonly findings: readonly Finding[]; readonly notes: readonly string[] }
  | Skipped;

export interface Skipped {
  readonly outcome: "skipped";
  readonly why: string;
  /** How to have it checked; null where that is up to another check. */
  readonly enable: string | null;
}

/** Passed, if nothing was found. A finding or a note that is false does not apply. */
export function judged(
  findings: readonly (Finding | false)[],
  says: string,
  notes: readonly (string | false)[] = [],
): Result {
  const found = findings.filter((one) => one !== false);
  const noted = notes.filter((one) => one !== false);
  return found.length === 0
    ? { outcome: "passed", says, notes: noted }
    : { outcome: "failed", findings: found, notes: noted };
}

export function failed(finding: Finding): Result {
  return { outcome: "failed", findings: [finding], notes: [] };
}

export function skipped(why: string, enable: string | null = null): Skipped {
  return { outcome: "skipped", why, enable };
}
