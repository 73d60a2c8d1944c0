import { type Output, padEnd, wrap } from "../../output.ts";
import type { Checked } from "./checks.ts";
import type { ExplainedFinding, Result } from "./finding.ts";

const NAME_WIDTH = 14;
const INDENT = " ".repeat(NAME_WIDTH + 2);
const TEXT_WIDTH = 110 - INDENT.length;

export interface Report {
  readonly url: string;
  readonly checked: readonly Checked[];
}

export function findingsOf(checked: readonly Checked[]): ExplainedFinding[] {
  return checked.flatMap(({ findings }) => findings);
}

/** The report for programs. */
export function asDocument({ url, checked }: Report, checkedAt: Date, output: Output): unknown {
  const document = {
    url,
    checked_at: checkedAt.toISOString(),
    healthy: findingsOf(checked).length === 0,
    findings: checked.flatMap(({ check, findings }) => findings.map((finding) => ({ check: check.name, ...finding }))),
    checks: checked.map(({ check, result }) => ({ name: check.name, asks: check.asks, ...shownResult(result) })),
  };
  return JSON.parse(
    JSON.stringify(document, (_key, value: unknown) => (typeof value === "string" ? output.clean(value) : value)),
  );
}

function shownResult(result: Result) {
  if (result.outcome !== "failed") return result;
  const { outcome, findings, notes } = result;
  return { outcome, faults: findings.map(({ fault }) => fault), notes };
}

/** The report for a person: a line for each check, and for each fault what it means, how it shows and what to do. */
export function asText({ url, checked }: Report, output: Output): string {
  return [
    `Examined ${url}`,
    "",
    ...paragraphsOf(checked).flatMap((paragraph) => linesOf(paragraph, output)),
    "",
    conclusion(checked, output),
  ].join("\n");
}

interface Paragraph extends Pick<Checked, "result" | "findings"> {
  readonly names: readonly [string, ...string[]];
}

/** Checks in a row that were skipped for the same reason are one paragraph. */
function paragraphsOf(checked: readonly Checked[]): Paragraph[] {
  const paragraphs: Paragraph[] = [];
  for (const { check, result, findings } of checked) {
    const before = paragraphs.at(-1);
    const isSame =
      result.outcome === "skipped" && before?.result.outcome === "skipped" && before.result.why === result.why;
    if (isSame) paragraphs.splice(-1, 1, { ...before, names: [...before.names, check.name], result });
    else paragraphs.push({ names: [check.name], result, findings });
  }
  return paragraphs;
}

function linesOf({ names, result, findings }: Paragraph, output: Output): string[] {
  const [name] = names;
  switch (result.outcome) {
    case "passed":
      return [
        ...headed(`${output.paint("green", "✓")} ${padEnd(name, NAME_WIDTH)}`, result.says, output),
        ...notesOf(result.notes, output),
      ];
    case "failed":
      return [...findings.flatMap((finding) => faultLines(name, finding, output)), ...notesOf(result.notes, output)];
    case "skipped": {
      const why = `not checked: ${result.why}${result.enable === null ? "" : ` ${result.enable}`}`;
      const mark = output.paint("dim", "–");
      if (names.length === 1) return headed(`${mark} ${padEnd(name, NAME_WIDTH)}`, why, output);
      return [`${mark} ${names.join(", ")}`, ...wrapped(why, output).map((line) => INDENT + line)];
    }
  }
}

function headed(head: string, text: string, output: Output): string[] {
  const [first = "", ...rest] = wrapped(text, output);
  return [head + first, ...rest.map((line) => INDENT + line)];
}

function faultLines(name: string, { fault, what, seen, remedy, commands }: ExplainedFinding, output: Output): string[] {
  const part = (label: string, text: string) =>
    wrapped(text, output).map(
      (line, index) => `${INDENT}${output.paint("dim", index === 0 ? label : "      ")}${line}`,
    );
  return [
    `${output.paint("red", "✗")} ${padEnd(name, NAME_WIDTH)}${output.paint(["red", "bold"], fault)}`,
    ...wrapped(what, output).map((line) => INDENT + line),
    ...part("seen  ", seen),
    ...part("do    ", remedy),
    // Not wrapped: they are copied.
    ...commands.map((command) => `${INDENT}      ${output.paint("cyan", output.clean(command))}`),
  ];
}

function notesOf(notes: readonly string[], output: Output): string[] {
  return notes.flatMap((note) => wrapped(note, output).map((line) => `${INDENT}${output.paint("dim", line)}`));
}

function wrapped(text: string, output: Output): string[] {
  return wrap(output.clean(text), TEXT_WIDTH);
}

function conclusion(checked: readonly Checked[], output: Output): string {
  const findings = findingsOf(checked);
  const notChecked = checked.filter(({ result }) => result.outcome === "skipped").length;
  const rest = notChecked === 0 ? "" : ` ${notChecked} of ${checked.length} checks could not be made.`;
  const [first] = findings;
  if (first === undefined) return `${output.paint("green", "No fault found.")}${rest}`;
  const count =
    findings.length === 1
      ? "1 fault found."
      : `${findings.length} faults found. Begin with ${first.fault}: it may cause the others.`;
  return `${output.paint("red", count)}${rest}`;
}
