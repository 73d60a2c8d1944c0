import { z } from "zod";
import {
  createdDestination,
  destination as destinationSchema,
  type destinationChange,
  destinationHealth,
  rotatedSecret,
  testResult,
} from "../../api/schemas/destination.ts";
import { formats } from "../../domain/format.ts";
import { defineCommand, defineGroup } from "../command.ts";
import { DESTINATIONS_PATH, destinationPath } from "../destination-path.ts";
import { wrongUsage } from "../fault.ts";
import { type CommandOption, flag, option, orWord, readList, readNumber, readWhole } from "../options.ts";
import { type Cell, type Output, printable } from "../output.ts";
import { apply } from "./apply/apply.ts";
import { filterOption } from "./filtering.ts";
import { readFormatting, templateFile } from "./formatting.ts";
import { headerOption, readHeaders } from "./own-headers.ts";
import { preview } from "./preview.ts";

/** A newer relay may know more fields and states. A program that reads `--json` gets them all. */
const asRead = { health: destinationHealth.extend({ state: z.string() }).loose(), format: z.string() };
export const destination = destinationSchema.extend(asRead).loose();

export type Destination = z.output<typeof destination>;

const ofOne = { arguments: { id: "as `destinations list` shows it" }, asks: ["relay"] } as const;

/** What a destination is sent, and how. The names are those of the operator's API, which checks the values. */
const settable = {
  description: option("--description <text>", "what people call it"),
  types: option("--types <types>", "comma-separated, each exact or ending in *; or `all`", orWord("all", [], readList)),
  organizations: option("--organizations <ids>", "comma-separated; or `all`", orWord("all", null, readList)),
  filter: filterOption,
  retry_schedule_seconds: option(
    "--retry-schedule <seconds>",
    "seconds before each retry, as 5,60,3600; or `default`",
    orWord("default", null, (text, name, now) =>
      readList(text, name, now).map((seconds) => readNumber(seconds, name, now)),
    ),
  ),
  timeout_ms: option("--timeout-ms <ms>", "how long an attempt may take, 100 to 30000", readNumber),
  max_per_second: option(
    "--max-per-second <n>",
    "how many a second at most; or `none`",
    orWord("none", null, readNumber),
  ),
  format: option("--format <format>", `format of the bodies that it receives: ${formats.join(", ")}`),
} satisfies Partial<Record<keyof z.input<typeof destinationChange>, CommandOption<unknown>>>;

const list = defineCommand({
  name: "list",
  summary: "list them all",
  asks: ["relay"],
  options: { limit: option("--limit <n>", "at most this many", readWhole(1, 999_999_999)) },
  example: "destinations list --limit 10",
  async run({ output, openRelay }, { limit }) {
    const found = await Array.fromAsync(openRelay().list(DESTINATIONS_PATH, destination, { limit }));
    output.show({ data: found }, () => asTable(found, output));
  },
});

const show = defineCommand({
  name: "show",
  summary: "show one and its health",
  ...ofOne,
  example: "destinations show dst_0193",
  async run({ output, openRelay }, { id }) {
    output.show(await openRelay().get(destinationPath(id), destination), asFields);
  },
});

const create = defineCommand({
  name: "create",
  summary: "add one; its secret is shown this once",
  arguments: { endpoint: "the address that the relay posts events to" },
  asks: ["relay"],
  options: {
    ...settable,
    header: headerOption,
    template: templateFile,
    paused: flag("--paused", "send it nothing yet"),
  },
  example: "destinations create https://accounting.example.com/qonto --types v1/transactions,registrations.*",
  async run(context, { endpoint, paused, template, header, ...settings }) {
    const { output, openRelay } = context;
    const formatting = await readFormatting(context, settings.format, template);
    const own = readHeaders(header, context.secrets);
    const input = { ...settings, ...own, ...formatting, url: endpoint, ...(paused ? { enabled: false } : {}) };
    const created = await openRelay().post(DESTINATIONS_PATH, input, createdDestination.extend(asRead).loose());
    output.show(created, () => [asFields(created, output), "", secretLine(created.secret, output)].join("\n"));
  },
});

const update = defineCommand({
  name: "update",
  summary: "change what is given",
  ...ofOne,
  options: {
    ...settable,
    header: headerOption,
    template: templateFile,
    endpoint: option("--endpoint <url>", "its new address"),
  },
  example: "destinations update dst_0193 --types all --max-per-second 20",
  async run(context, { id, endpoint, template, header, ...settings }) {
    const { output, openRelay } = context;
    const formatting = await readFormatting(context, settings.format, template);
    const input = { ...settings, ...readHeaders(header, context.secrets), ...formatting, url: endpoint };
    if (Object.values(input).every((value) => value === undefined))
      throw wrongUsage("What is to change?", "--help names what can.");
    output.show(await openRelay().patch(destinationPath(id), input, destination), asFields);
  },
});

const remove = defineCommand({
  name: "delete",
  summary: "remove one; its pending deliveries end as dead",
  ...ofOne,
  example: "destinations delete dst_0193",
  async run({ output, openRelay }, { id }) {
    await openRelay().delete(destinationPath(id));
    output.show({ id, deleted: true }, () => `Removed ${id}.`);
  },
});

const pause = switching(
  "pause",
  false,
  "send it nothing; pending deliveries wait, and events that arrive meanwhile get none until `replay destination --which missing`",
);
const resume = switching("resume", true, "send again, beginning with the pending deliveries");

function switching(name: string, enabled: boolean, summary: string) {
  return defineCommand({
    name,
    summary,
    ...ofOne,
    example: `destinations ${name} dst_0193`,
    async run({ output, openRelay }, { id }) {
      output.show(await openRelay().patch(destinationPath(id), { enabled }, destination), asFields);
    },
  });
}

const rotateSecret = defineCommand({
  name: "rotate-secret",
  summary: "make a new secret, shown this once; the old one signs too until the overlap ends",
  ...ofOne,
  options: { overlap: option("--overlap <seconds>", "how long both sign (else a day)", readNumber) },
  example: "destinations rotate-secret dst_0193 --overlap 3600",
  async run({ output, openRelay, secrets }, { id, overlap }) {
    const path = `${destinationPath(id)}/rotate-secret`;
    const rotated = await openRelay().post(path, { overlap_seconds: overlap }, rotatedSecret.loose());
    secrets.keep(rotated.secret);
    const signing =
      overlap === 0
        ? ["From now on deliveries are signed with this secret only."]
        : [
            "Deliveries are signed with it and with the old one until the overlap ends.",
            "X-Qonto-Signature has room for one signature: it stays that of the oldest secret until its overlap ends. Let the receiver accept both secrets.",
          ];
    output.show(rotated, () => [secretLine(rotated.secret, output), ...signing].join("\n"));
  },
});

const test = defineCommand({
  name: "test",
  summary: "have the relay send it one signed sample event now",
  ...ofOne,
  example: "destinations test dst_0193",
  async run({ output, openRelay }, { id }) {
    const result = testResult.extend({ outcome: z.string() }).loose();
    const tested = await openRelay().post(`${destinationPath(id)}/test`, {}, result);
    const { outcome, status, duration_ms, response_excerpt } = tested;
    const isDelivered = outcome === "delivered";
    output.show(tested, () =>
      [
        `${output.paint(isDelivered ? "green" : "red", printable(outcome))}: ${status ?? "no answer"}, ${duration_ms} ms`,
        ...(response_excerpt ? [printable(response_excerpt)] : []),
      ].join("\n"),
    );
    return isDelivered ? 0 : 1;
  },
});

export const destinations = defineGroup("destinations", "the destinations that the relay sends to", {
  commands: [list, show, create, update, remove, apply, pause, resume, rotateSecret, test, preview],
});

function secretLine(secret: string, output: Output): string {
  return `Secret, shown this once:  ${output.paint("bold", secret)}`;
}

function asTable(found: readonly Destination[], output: Output): string {
  if (found.length === 0) return "No destinations yet. `destinations create` adds one.";
  return output.table(
    ["id", "state", "url", "types", "description"],
    found.map((one) => [one.id, stateCell(one), one.url, typesOf(one), one.description ?? ""]),
  );
}

function asFields(one: Destination, output: Output): string {
  const { health, retry_schedule_seconds, max_per_second } = one;
  return output.fields([
    ["id", one.id],
    ["url", one.url],
    ["description", one.description ?? "–"],
    ["types", typesOf(one)],
    ["organizations", one.organizations?.join(", ") ?? "all"],
    ["filter", one.filter === null ? "none" : printable(JSON.stringify(one.filter))],
    ["state", stateCell(one)],
    ["failures", `${health.consecutive_failures} in a row`],
    ["last success", health.last_success_at ?? "–"],
    ["last failure", health.last_failure_at ?? "–"],
    [
      "circuit open since",
      health.circuit_opened_at ? `${health.circuit_opened_at}, next probe at ${health.next_probe_at ?? "once"}` : null,
    ],
    ["held until", health.held_until ? `${health.held_until}, as it asked with Retry-After` : null],
    ["retry schedule", retry_schedule_seconds === null ? "default" : `${retry_schedule_seconds.join(", ")} s`],
    ["timeout", `${one.timeout_ms} ms`],
    ["rate limit", max_per_second === null ? "none" : `${max_per_second} a second`],
    ["headers", one.header_names.length === 0 ? null : one.header_names.join(", ")],
    ["format", one.format],
    ["template", one.template],
  ]);
}

function typesOf({ types }: Destination): string {
  return types.length === 0 ? "all" : types.join(", ");
}

function stateCell({ health: { state, circuit_opened_at, held_until } }: Destination): Cell {
  const style = state === "healthy" ? "green" : state === "failing" ? "red" : "yellow";
  return { text: circuit_opened_at ? `${state}, circuit open` : held_until ? `${state}, held` : state, style };
}
