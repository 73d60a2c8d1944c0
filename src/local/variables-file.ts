import { parseEnv } from "node:util";

/** The variables of a file in the form of `.env`, and where they differ from what is written there. */
export interface VariablesFile {
  readonly variables: Readonly<Record<string, string>>;
  /** For each variable that is not read as it is written: its name and the rest of a sentence, without the value. */
  readonly remarks: readonly { readonly variable: string; readonly says: string }[];
}

const assignment = /^\s*(?:export\s+)?([\w.-]+)\s*=[^\S\n]*(.*)$/;

/** Reads a file as `npm start` and wrangler do. */
export function readVariables(text: string): VariablesFile {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(parseEnv(text))) if (value !== undefined) variables[name] = value;
  const remarks: { variable: string; says: string }[] = [];
  const seen = new Set<string>();
  const lines = text.split(/\r?\n/);
  for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
    const [, variable, written = ""] = assignment.exec(line) ?? [];
    if (variable === undefined) {
      const name = /^\s*([A-Z][A-Z0-9_]*)(?:\s|:)/.exec(line)?.[1];
      if (name !== undefined) remarks.push({ variable: name, says: "is not set: its line has no =." });
      continue;
    }
    if (seen.has(variable)) remarks.push({ variable, says: "is there more than once: the last one counts." });
    seen.add(variable);
    const { fault, furtherLines } = judge(written, lines);
    if (fault !== null) remarks.push({ variable, says: fault });
    lines.splice(0, furtherLines);
  }
  return { variables, remarks };
}

/** `furtherLines`: lines of a quoted value after its first one. */
function judge(written: string, following: readonly string[]): { fault: string | null; furtherLines: number } {
  const quote = written[0] ?? "";
  if (!["'", '"', "`"].includes(quote)) return { fault: faultOfUnquoted(written), furtherLines: 0 };
  const furtherLines = [written.slice(1), ...following].findIndex((line) => line.includes(quote));
  if (furtherLines === -1)
    return { fault: `has a quote (${quote}) that is never closed: it is part of the value.`, furtherLines: 0 };
  if (furtherLines > 0) return { fault: "goes over several lines.", furtherLines };
  const inside = written.slice(1, written.indexOf(quote, 1));
  const behind = written.slice(inside.length + 2).trim();
  if (behind !== "" && !behind.startsWith("#")) {
    return { fault: "is cut at its closing quote: what stands behind that is left out.", furtherLines };
  }
  const fault =
    quote === '"' && inside.includes("\\n") ? "has its \\n read as a line break: single quotes keep it." : null;
  return { fault, furtherLines };
}

/** A `#` behind a blank begins a comment, as is meant. */
function faultOfUnquoted(written: string): string | null {
  if (/^#|\S#/.test(written.replace(/\s#.*$/, ""))) return "is cut at its #: quotes around the value keep it whole.";
  return written !== written.trim() ? "has blanks at its end, which are left out." : null;
}
