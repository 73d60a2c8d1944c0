import { type FaultName, type FaultText, faults } from "./faults.ts";

type Values = Readonly<Record<string, string | readonly string[]>>;

/** A fault that a check found, and how it shows. `about`: the values of the fault's text. */
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
  return text.replaceAll(/\{(\w+)\}/g, (_placeholder, name: string) => [values[name] ?? `<${name}>`].flat().join(", "));
}

function fillForEach(command: string, values: Values): string[] {
  const list = Object.entries(values).find(([name, value]) => Array.isArray(value) && command.includes(`{${name}}`));
  if (list === undefined) return [fill(command, values)];
  const [name, items] = list;
  return [items].flat().map((item) => fill(command, { ...values, [name]: item }));
}

/** What a check came to. `notes`: what is no fault and worth knowing. */
export type Result =
  | { readonly outcome: "passed"; readonly says: string; readonly notes: readonly string[] }
  | { readonly outcome: "failed"; readonly findings: readonly Finding[]; readonly notes: readonly string[] }
  /** `enable`: how to have it checked; null where that is up to another check. */
  | { readonly outcome: "skipped"; readonly why: string; readonly enable: string | null };

/** Passed, if nothing was found. */
export function judged(findings: readonly Finding[], says: string, notes: readonly string[] = []): Result {
  return findings.length === 0 ? { outcome: "passed", says, notes } : { outcome: "failed", findings, notes };
}

export function failed(...findings: readonly Finding[]): Result {
  return { outcome: "failed", findings, notes: [] };
}

export function skipped(why: string, enable: string | null = null): Result {
  return { outcome: "skipped", why, enable };
}
