import type { Output } from "../../output.ts";
import { type Examined, findingsOf } from "./examine.ts";
import type { Finding, Result } from "./finding.ts";

const NAME_WIDTH = 14;
const INDENT = " ".repeat(NAME_WIDTH + 2);
const WIDEST = 110;

export interface Report {
  readonly url: string;
  readonly examined: readonly Examined[];
}

/** The report for programs. */
export function asDocument({ url, examined }: Report, checkedAt: Date, output: Output): unknown {
  const document = {
    url,
    checked_at: checkedAt.toISOString(),
    healthy: findingsOf(examined).length === 0,
    findings: examined.flatMap(({ check, result }) =>
      result.outcome === "failed"
        ? result.findings.map((finding) => ({ check: check.name, commands: [], ...finding }))
        : [],
    ),
    checks: examined.map(({ check, result }) => ({ name: check.name, asks: check.asks, ...shownResult(result) })),
  };
  return JSON.parse(
    JSON.stringify(document, (_key, value: unknown) => (typeof value === "string" ? output.clean(value) : value)),
  );
}

function shownResult(result: Result) {
  switch (result.outcome) {
    case "passed":
      return { outcome: result.outcome, says: result.says, notes: result.notes };
    case "failed":
      return { outcome: result.outcome, faults: result.findings.map(({ fault }) => fault), notes: result.notes };
    case "skipped":
      return result;
  }
}

/** The report for a person: a line for what is well, and for each fault what it is, how it was seen and what to do. */
export function asText({ url, examined }: Report, output: Output): string {
  return [
    `Examined ${url}`,
    "",
    ...paragraphsOf(examined).flatMap(({ names, result }) => linesOf(names, result, output)),
    "",
    ending(examined, output),
  ].join("\n");
}

interface Paragraph {
  readonly names: readonly string[];
  readonly result: Result;
}

/** Checks in a row that could not be made for the same reason are one. */
function paragraphsOf(examined: readonly Examined[]): Paragraph[] {
  const paragraphs: Paragraph[] = [];
  for (const { check, result } of examined) {
    const before = paragraphs.at(-1);
    const isSame =
      result.outcome === "skipped" && before?.result.outcome === "skipped" && before.result.why === result.why;
    if (isSame) paragraphs.splice(-1, 1, { names: [...before.names, check.name], result });
    else paragraphs.push({ names: [check.name], result });
  }
  return paragraphs;
}

function linesOf(names: readonly string[], result: Result, output: Output): string[] {
  const name = (names[0] ?? "").padEnd(NAME_WIDTH);
  switch (result.outcome) {
    case "passed":
      return [
        ...headed(`${output.paint("green", "✓")} ${name}`, result.says, output),
        ...result.notes.flatMap((note) => noted(note, output)),
      ];
    case "failed":
      return [
        ...result.findings.flatMap((finding) => faultLines(names[0] ?? "", finding, output)),
        ...result.notes.flatMap((note) => noted(note, output)),
      ];
    case "skipped": {
      const enable = result.enable === null ? "" : ` ${result.enable}`;
      const why = `not checked: ${result.why}${enable}`;
      if (names.length === 1) return headed(`${output.paint("dim", "–")} ${name}`, why, output);
      return [`${output.paint("dim", "–")} ${names.join(", ")}`, ...wrapped(why, output).map((line) => INDENT + line)];
    }
  }
}

function headed(head: string, text: string, output: Output): string[] {
  const [first = "", ...rest] = wrapped(text, output);
  return [head + first, ...rest.map((line) => INDENT + line)];
}

function faultLines(name: string, { fault, what, seen, remedy, commands = [] }: Finding, output: Output): string[] {
  const part = (label: string, text: string) =>
    wrapped(text, output).map(
      (line, index) => `${INDENT}${output.paint("dim", index === 0 ? label : "      ")}${line}`,
    );
  return [
    `${output.paint("red", "✗")} ${name.padEnd(NAME_WIDTH)}${output.paint(["red", "bold"], fault)}`,
    ...wrapped(what, output).map((line) => INDENT + line),
    ...part("seen  ", seen),
    ...part("do    ", remedy),
    // Not broken: they are copied.
    ...commands.map((command) => `${INDENT}      ${output.paint("cyan", output.clean(command))}`),
  ];
}

function noted(note: string, output: Output): string[] {
  return wrapped(note, output).map((line) => `${INDENT}${output.paint("dim", line)}`);
}

function ending(examined: readonly Examined[], output: Output): string {
  const findings = findingsOf(examined);
  const notChecked = examined.filter(({ result }) => result.outcome === "skipped").length;
  const left = notChecked === 0 ? "" : ` ${notChecked} of ${examined.length} checks could not be made.`;
  const [first] = findings;
  if (first === undefined) return `${output.paint("green", "No fault found.")}${left}`;
  const count =
    findings.length === 1
      ? "1 fault found."
      : `${findings.length} faults found. Begin with ${first.fault}: what follows may come of it.`;
  return `${output.paint("red", count)}${left}`;
}

function wrapped(text: string, output: Output): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of output.clean(text).split(" ")) {
    if (line !== "" && line.length + word.length + 1 > WIDEST - INDENT.length) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
