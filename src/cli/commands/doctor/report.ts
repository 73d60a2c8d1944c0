import stringWidth from "string-width";
import { type Output, padEnd } from "../../output.ts";
import type { Checked } from "./checks.ts";
import type { ExplainedFinding, Result } from "./finding.ts";

const NAME_WIDTH = 14;
const INDENT = " ".repeat(NAME_WIDTH + 2);
/** Below the text of `seen` and `do`. */
const LABEL_INDENT = `${INDENT}      `;
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

/** Checks in a row that were skipped for the same reason are one paragraph. */
interface Paragraph extends Pick<Checked, "result" | "findings"> {
  readonly names: readonly string[];
}

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
  const name = names.join(", ");
  const head = (style: "green" | "dim" | "red", mark: string) =>
    `${output.paint(style, mark)} ${padEnd(name, NAME_WIDTH)}`;
  if (result.outcome === "skipped") {
    const why = `not checked: ${result.why}${result.enable === null ? "" : ` ${result.enable}`}`;
    return names.length === 1
      ? hanging(head("dim", "–"), why, output)
      : [head("dim", "–").trimEnd(), ...hanging(INDENT, why, output)];
  }
  const notes = result.notes.flatMap((note) =>
    wrap(output.clean(note), TEXT_WIDTH).map((line) => INDENT + output.paint("dim", line)),
  );
  if (result.outcome === "passed") return [...hanging(head("green", "✓"), result.says, output), ...notes];
  const faults = findings.flatMap(({ fault, what, seen, remedy, commands }) => [
    head("red", "✗") + output.paint(["red", "bold"], fault),
    ...hanging(INDENT, what, output),
    ...hanging(INDENT + output.paint("dim", "seen  "), seen, output, LABEL_INDENT),
    ...hanging(INDENT + output.paint("dim", "do    "), remedy, output, LABEL_INDENT),
    // Not wrapped: they are copied.
    ...commands.map((command) => LABEL_INDENT + output.paint("cyan", output.clean(command))),
  ]);
  return [...faults, ...notes];
}

/** The lines of a text, the first behind a head. */
function hanging(head: string, text: string, output: Output, indent = INDENT): string[] {
  const [first = "", ...rest] = wrap(output.clean(text), TEXT_WIDTH);
  return [head + first, ...rest.map((line) => indent + line)];
}

/** The lines of a text that is broken at its blanks. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && stringWidth(longer) > columns) {
      lines.push(line);
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, line];
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
