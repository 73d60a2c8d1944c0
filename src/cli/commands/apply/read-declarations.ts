import { type Document, LineCounter, type Node, isNode, parseDocument, visit } from "yaml";
import { z } from "zod";
import { destinationChange } from "../../../api/schemas/destination.ts";
import { tryDecodeUtf8 } from "../../../platform/json.ts";
import type { Context } from "../../context.ts";
import { wrongUsage } from "../../fault.ts";

/** A destination as the file declares it. A field that is undefined is left to the relay. */
export type Declared = z.output<ReturnType<typeof fileSchema>>["destinations"][number];

type ReadVariable = (name: string) => string | undefined;

/** The fields are those of the operator's API, so a new one needs nothing here. `name` is the description. */
function fileSchema(readVariable: ReadVariable) {
  const expanded = z.string().transform((text, context) => {
    const result = text.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => {
      const value = readVariable(name);
      if (value === undefined) context.addIssue({ code: "custom", message: `needs ${name} in the environment` });
      return value ?? "";
    });
    // What a variable holds may have anything in it; what is written in the file may not.
    if (text.replaceAll(/\$\{\w+\}/g, "").includes("${")) {
      context.addIssue({ code: "custom", message: "has a ${ that begins no name of a variable" });
    }
    return result;
  });
  const { url, headers } = destinationChange.shape;
  const declared = destinationChange.omit({ description: true }).extend({
    name: z.string().min(1).max(1_000),
    url: expanded.pipe(url.unwrap()),
    headers: z.record(z.string(), expanded).nullable().optional().pipe(headers),
  });
  return z.strictObject({ destinations: z.array(declared) }).superRefine(({ destinations }, context) => {
    for (const [index, { name }] of destinations.entries()) {
      const isFirst = destinations.findIndex((one) => one.name === name) === index;
      if (!isFirst) context.addIssue({ code: "custom", path: ["destinations", index, "name"], message: "is taken" });
    }
  });
}

type Path = readonly PropertyKey[];

interface FileFault {
  readonly line: number;
  readonly path: Path;
  readonly message: string;
}

/** Reads the destinations that a YAML or JSON file declares. Tells all that is wrong with it, then throws wrong usage. */
export async function readDeclarations(
  { readBytes, output, secrets, settings }: Pick<Context, "readBytes" | "output" | "secrets" | "settings">,
  file: string,
): Promise<readonly Declared[]> {
  const text = tryDecodeUtf8(await readBytes(file));
  if (text === undefined) throw wrongUsage(`${file} is no text in UTF-8.`);
  const read = parse(text, (name) => {
    const value = settings.value(name);
    return value === undefined ? undefined : secrets.keep(value);
  });
  if (read.faults.length === 0) return read.declared;
  for (const { line, path, message } of read.faults) {
    output.note(`${file}:${line}: ${[path.map(String).join("."), message].join(" ").trim()}`);
  }
  throw wrongUsage(`${file} does not declare destinations. Nothing was changed.`);
}

function parse(text: string, readVariable: ReadVariable): { declared: readonly Declared[]; faults: FileFault[] } {
  const lines = new LineCounter();
  // Its own way to show an error repeats the text, which may hold a secret.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const wrongSyntax = [...document.errors, ...document.warnings].map(({ pos: [at], message }) => ({ at, message }));
  const faults = [...wrongSyntax, ...readValues(document)].map(({ at, message }): FileFault => ({
    line: lines.linePos(at).line,
    path: [],
    message,
  }));
  if (faults.length > 0) return { declared: [], faults };
  // The file is the operator's own: it may use an alias as often as it likes.
  const { data, error } = fileSchema(readVariable).safeParse(document.toJS({ maxAliasCount: -1 }));
  if (data !== undefined) return { declared: data.destinations, faults };
  return { declared: [], faults: error.issues.flatMap((issue) => toFaults(issue, document, lines)) };
}

/** Doubles keep 15 digits of every number. */
const MOST_DIGITS_OF_A_DOUBLE = 15;
const jsonNumber = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** Keeps the digits of numbers that a double has no room for. Returns what cannot be JSON. */
function readValues(document: Document.Parsed): { at: number; message: string }[] {
  const wrong: { at: number; message: string }[] = [];
  const refuse = ({ range }: Node, message: string) => wrong.push({ at: range?.[0] ?? 0, message });
  visit(document, {
    Alias(_, node) {
      if (node.resolve(document) === undefined) refuse(node, "Unresolved alias");
    },
    Scalar(_, node) {
      const { value, source = "" } = node;
      if (typeof value !== "number") return;
      if (!Number.isFinite(value)) refuse(node, "No number of JSON");
      else if (jsonNumber.test(source) && source.replaceAll(/\D/g, "").length > MOST_DIGITS_OF_A_DOUBLE) {
        node.value = JSON.rawJSON(source);
      }
    },
  });
  return wrong;
}

/** One fault for each field that a destination does not have, at its own line. */
function toFaults(issue: z.core.$ZodIssue, document: Document, lines: LineCounter): FileFault[] {
  const at = (path: Path, message: string) => ({ line: lineOf(path, document, lines), path, message });
  return issue.code === "unrecognized_keys"
    ? issue.keys.map((key) => at([...issue.path, key], "is not a known field"))
    : [at(issue.path, issue.message)];
}

/** The line of what a path leads to, or of the nearest thing around it. */
function lineOf(path: Path, document: Document, lines: LineCounter): number {
  for (let length = path.length; length > 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}
