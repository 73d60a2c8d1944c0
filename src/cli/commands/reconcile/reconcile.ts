import { z } from "zod";
import { type Instant, parseInstant } from "../../../domain/instant.ts";
import { type QontoCommand, openRelay, relayOption } from "../../command.ts";
import { Fault, wrongUsage } from "../../fault.ts";
import type { Invocation } from "../../invocation.ts";
import { openQonto, sandboxOption } from "../../open-qonto.ts";
import { readList } from "../../read-option.ts";
import { readTime } from "../../read-time.ts";
import type { RelayClient } from "../../relay-client.ts";
import { secretNames, signingSecret } from "../../signing-secret.ts";
import { findOrganization, listableTypes } from "./listings.ts";
import type { Road } from "./put-through.ts";
import { type TypeReport, reconcileType } from "./reconcile-type.ts";
import { asDocument, asText, isSettled } from "./report.ts";

/** Never more than 10,000 requests in 10 minutes, the stricter of Qonto's two limits, nor 1,000 in 10 seconds. */
const SPACING_MS = 60;

const options = z.object({
  since: z.string(),
  types: z.string().optional(),
  apply: z.boolean().default(false),
  sandbox: z.boolean().default(false),
  url: z.string().optional(),
});

/** `reconcile`: what the bank shows against what the relay knows. */
export function addReconcile(program: QontoCommand): void {
  program
    .command("reconcile")
    .description("compare what Qonto's API lists with what the relay knows, and put through what is missing")
    .addOption(relayOption())
    .requiredOption("--since <time>", "what has changed then or later: an instant, or how long ago, as 3d")
    .option("--types <types>", "these alone, comma-separated (else all that Qonto lists)")
    .option("--apply", "put through what is missing or has drifted, as events signed like Qonto's")
    .addOption(sandboxOption())
    .addHelpText("after", HELP)
    .action(async (_options: unknown, command: QontoCommand) => {
      const { output, invocation } = command;
      const { now } = invocation.world;
      const { since, types: given, apply } = options.parse(command.opts());
      const types = readTypes(given);
      const sinceMs = readTime(since, "--since", now());
      const relay = openRelay(command);
      const road = apply ? roadOf(relay, invocation) : null;
      const qonto = openQonto(command, { spacingMs: SPACING_MS });
      const organization = await findOrganization(qonto);
      const asOf = beginningOf(qonto.answeredAtMs ?? now());
      const asOfMs = Date.parse(asOf.iso);

      const reports: TypeReport[] = [];
      const goOn = () => commandFor(command, sinceMs, types.slice(reports.length));
      invocation.interrupt.addEventListener("abort", () => output.note(`Interrupted. ${goOn()}`));
      const progress = (text: string) => output.progress(text);
      const reconciling = { qonto, organization, sinceMs, asOfMs, asOf, relay, road, progress };
      try {
        for (const type of types) reports.push(await reconcileType(type, reconciling));
      } catch (error) {
        throw error instanceof Fault
          ? new Fault(error.message, { remedy: `${error.remedy ?? ""} ${goOn()}`.trim() })
          : error;
      }
      const report = {
        organization_id: organization.id,
        since: new Date(sinceMs).toISOString(),
        as_of: asOf.iso,
        types: reports,
      };
      output.show(asDocument(report), () => asText(report, output));
      if (!isSettled(report)) invocation.exitCode = 1;
    });
}

const HELP = `
Types: ${listableTypes.join(", ")}.
Transactions, transfers and client invoices are asked for by time, the rest is listed whole. What the relay knows and Qonto
does not list is reported as extra, and left alone. A run that was cut short is run again: what was put through stays so,
and nothing is put through twice.

Example:
  npm run qonto -- reconcile --since 3d --apply`;

function readTypes(text: string | undefined): readonly string[] {
  if (text === undefined) return listableTypes;
  const types = new Set(readList(text, "--types"));
  const unknown = [...types].filter((type) => !listableTypes.includes(type));
  if (unknown.length > 0) {
    throw wrongUsage(`Qonto's API does not list ${unknown.join(", ")}.`, `It lists ${listableTypes.join(", ")}.`);
  }
  return listableTypes.filter((type) => types.has(type));
}

function roadOf(relay: RelayClient, { settings, world }: Invocation): Road {
  const signing = signingSecret(settings, relay.url, "business");
  if (signing === null) {
    throw wrongUsage(`There is no secret to sign with: ${secretNames.business} is not set.`, "--apply needs it.");
  }
  return { relay, world, ...signing };
}

/** By Qonto's own clock, which also dates its events. */
function beginningOf(nowMs: number): Instant {
  const instant = parseInstant(new Date(nowMs).toISOString());
  if (instant === null) throw new Error("Now is no time");
  return instant;
}

/** `--since` as an instant: how long ago is another time when it is run again. */
function commandFor(command: QontoCommand, sinceMs: number, types: readonly string[]): string {
  const { apply, sandbox, url } = options.parse(command.opts());
  const flags = [
    ...(url === undefined ? [] : ["--url", url]),
    ...(apply ? ["--apply"] : []),
    ...(sandbox ? ["--sandbox"] : []),
  ];
  const parts = ["--since", new Date(sinceMs).toISOString(), "--types", types.join(","), ...flags];
  return `Go on with: npm run qonto -- reconcile ${parts.join(" ")}`;
}
