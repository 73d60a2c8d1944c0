import { defineCommand } from "../../command.ts";
import type { Context } from "../../context.ts";
import { DESTINATIONS_PATH, destinationPath } from "../../destination-path.ts";
import { Fault } from "../../fault.ts";
import { flag } from "../../options.ts";
import { type Output, printable } from "../../output.ts";
import type { RelayClient } from "../../relay-client.ts";
import { type Difference, type Step, existingDestination, planOf } from "./plan.ts";
import { readDeclarations } from "./read-declarations.ts";

const createdDestination = existingDestination.extend({ secret: existingDestination.shape.id });

export const apply = defineCommand({
  name: "apply",
  summary: "make destinations what a YAML or JSON file says: shows the difference, asks, applies",
  arguments: { file: "the destinations; `-`: standard input" },
  asks: ["relay"],
  options: {
    yes: flag("--yes", "apply without asking"),
    dryRun: flag("--dry-run", "only show the difference; exit code 1 if there is one"),
    prune: flag("--prune", "delete destinations that are not in the file; their pending deliveries end as dead"),
    writeHeaders: flag("--write-headers", "write headers again whose names are the same: their values may be new"),
  },
  help: [
    "The file:",
    "  destinations:",
    "    - name: books            # its description, by which it is found again",
    "      url: https://books.example.com/qonto",
    "      types: [v1/transactions]",
    "      filter: { data.side: credit, data.amount: { $gte: 1000 } }",
    "      headers: { authorization: 'Bearer ${BOOKS_TOKEN}' }",
    "",
    "A destination takes the fields of POST /api/destinations, with name for description. A field that the file does",
    "not name keeps its value. In url and headers, ${NAME} is a variable of the environment. The relay does not show",
    "values of headers: they are written if names differ, or with --write-headers.",
  ].join("\n"),
  example: "destinations apply destinations.yaml --dry-run",
  async run(context, { file, yes, dryRun, prune, writeHeaders }) {
    const { output, openRelay, confirm } = context;
    const declared = await readDeclarations(context, file);
    const relay = openRelay();
    const existing = await Array.fromAsync(relay.list(DESTINATIONS_PATH, existingDestination));
    const { steps, others } = planOf(declared, existing, { isPruning: prune, writesHeaders: writeHeaders });
    if (others.length > 0) {
      const names = others.map(({ id, description }) => named(description ?? "", id));
      output.note(`Not in the file, left alone: ${names.join(", ")}.`);
    }
    if (steps.length === 0) {
      output.line({ action: "none" }, () => "Nothing to change.");
      return 0;
    }
    if (dryRun) {
      for (const step of steps) output.line(asDocument(step, output), () => asLines(step, output).join("\n"));
      return 1;
    }
    for (const line of steps.flatMap((step) => asLines(step, output))) output.note(line);
    if (!yes && !(await confirm("Apply this?"))) throw new Fault("Nothing was changed.");
    for (const step of steps) await take(step, relay, context);
    return 0;
  },
});

/** Each result is printed at once: a later step may fail, and a secret is shown only once. */
async function take(step: Step, relay: RelayClient, { output, secrets }: Pick<Context, "output" | "secrets">) {
  const { action, name } = step;
  if (action === "create") {
    const { id, secret } = await relay.post(DESTINATIONS_PATH, step.input, createdDestination);
    secrets.keep(secret);
    output.line({ action: "created", name, id, secret }, () =>
      [`Created ${named(name, id)}.`, `Secret, shown this once:  ${output.paint("bold", secret)}`].join("\n"),
    );
    return;
  }
  const { id } = step;
  if (action === "change") {
    await relay.patch(destinationPath(id), step.input, existingDestination);
    output.line({ action: "changed", name, id }, () => `Changed ${named(name, id)}.`);
  } else {
    await relay.delete(destinationPath(id));
    output.line({ action: "deleted", name, id }, () => `Deleted ${named(name, id)}.`);
  }
}

const named = (name: string, id: string) => printable(name === "" ? id : `${name} (${id})`);

function asLines(step: Step, output: Output): string[] {
  if (step.action === "delete") return [output.clean(`- ${named(step.name, step.id)}`)];
  const isNew = step.action === "create";
  const head = isNew ? `+ ${step.name}` : `~ ${named(step.name, step.id)}`;
  const fields = step.differences.map(({ field, ...values }) => {
    const { from, to } = textsOf(values, output);
    return `    ${field}: ${isNew ? to : from === to ? `${to} (written again)` : `${from} → ${to}`}`;
  });
  return [output.clean(head), ...fields];
}

function asDocument(step: Step, output: Output): object {
  if (step.action === "delete") return step;
  const { input: _input, differences, ...rest } = step;
  return { ...rest, differences: differences.map(({ field, ...values }) => ({ field, ...textsOf(values, output) })) };
}

const MOST_CHARACTERS = 160;

/** Values in a line each. What the environment gave is not shown: the URL of a chat is a secret. */
function textsOf({ from, to }: Pick<Difference, "from" | "to">, output: Output): { from: string; to: string } {
  const asText = (value: unknown): string => {
    const isNames = Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === "string");
    const text = isNames ? value.join(", ") : typeof value === "string" ? value : JSON.stringify(value);
    const cleaned = output.clean(value === null ? "none" : text);
    return cleaned.length > MOST_CHARACTERS ? `${cleaned.slice(0, MOST_CHARACTERS)}…` : cleaned;
  };
  return { from: asText(from), to: asText(to) };
}
