import { instantAt } from "../../../domain/instant.ts";
import { fetchOrganization, listableTypes } from "../../../reconciliation/listings.ts";
import { defineCommand } from "../../command.ts";
import type { Context } from "../../context.ts";
import { Fault, wrongUsage } from "../../fault.ts";
import { type Reader, flag, option, readList, readTime, required } from "../../options.ts";
import type { Cell, Output } from "../../output.ts";
import { faultOf } from "../../qonto-fault.ts";
import { signingSecret } from "../../webhook-secret.ts";
import { type Difference, type TypeReport, reconcileType } from "./reconcile-type.ts";

/** Never more than 10,000 requests in 10 minutes, the stricter of Qonto's two limits, nor 1,000 in 10 seconds. */
const SPACING_MS = 60;

const readTypes: Reader<readonly string[]> = (text, name, now) => {
  const types = new Set(readList(text, name, now));
  const unknown = [...types].filter((type) => !listableTypes.includes(type));
  if (unknown.length > 0) {
    throw wrongUsage(`Qonto's API does not list ${unknown.join(", ")}.`, `It lists ${listableTypes.join(", ")}.`);
  }
  return listableTypes.filter((type) => types.has(type));
};

export const reconcile = defineCommand({
  name: "reconcile",
  summary: "compare what Qonto's API lists with what the relay has, and apply what is missing",
  asks: ["relay", "qonto"],
  options: {
    sinceMs: required("--since <time>", "what has changed then or later: an instant, or how long ago, as 3d", readTime),
    given: option("--types <types>", "only these, comma-separated (else all that Qonto lists)", readTypes),
    apply: flag("--apply", "send what is missing, has drifted or is gone to the relay, as events signed like Qonto's"),
  },
  help: `Types: ${listableTypes.join(", ")}.
Transactions, transfers and client invoices are asked for by time, the rest is listed whole. A beneficiary, client or product
that the relay has and Qonto does not list is asked for by its id, and is deleted if Qonto says that it is gone. What else the
relay has and Qonto does not list is reported as extra, and not changed. A run that was interrupted can be run again: no event
is applied twice.`,
  example: "reconcile --since 3d --apply",
  async run(context, { sinceMs, given, apply }) {
    const { output, world, interrupt, openRelay, openQonto } = context;
    const types = given ?? listableTypes;
    const relay = openRelay();
    const signing = { source: "business", remedy: "--apply needs it." } as const;
    const receiver = apply ? { relay, world, ...signingSecret(context.settings, relay.url, signing) } : null;
    const qonto = openQonto({ spacingMs: SPACING_MS });
    const organization = await fetchOrganization(qonto);
    // By Qonto's own clock, which also dates its events.
    const asOf = instantAt(qonto.answeredAtMs ?? world.now());

    const reports: TypeReport[] = [];
    const goOn = () => `Go on with: ${commandFor(types.slice(reports.length), { sinceMs, apply }, context)}`;
    interrupt.addEventListener("abort", () => output.note(`Interrupted. ${goOn()}`));
    const progress = (text: string) => output.progress(text);
    const reconciling = { qonto, organization, sinceMs, asOf, relay, receiver, progress };
    try {
      for (const type of types) reports.push(await reconcileType(type, reconciling));
    } catch (error) {
      const fault = faultOf(error);
      if (fault === null) throw error;
      throw new Fault(fault.message, { remedy: `${fault.remedy ?? ""} ${goOn()}`.trim() });
    }
    const report = {
      organization_id: organization.id,
      since: new Date(sinceMs).toISOString(),
      as_of: asOf.iso,
      types: reports,
    };
    output.show(asDocument(report), () => asText(report, output));
    return isSettled(report) ? 0 : 1;
  },
});

/** `--since` as an instant: how long ago is another time when it is run again. */
function commandFor(
  types: readonly string[],
  { sinceMs, apply }: { readonly sinceMs: number; readonly apply: boolean },
  { givenUrl, isSandbox }: Context,
): string {
  const options = [
    `--since ${new Date(sinceMs).toISOString()} --types ${types.join(",")}`,
    ...(givenUrl === undefined ? [] : [`--url ${givenUrl}`]),
    ...(apply ? ["--apply"] : []),
    ...(isSandbox ? ["--sandbox"] : []),
  ];
  return `npm run qonto -- reconcile ${options.join(" ")}`;
}

/** What a run has found, as a document. */
interface Report {
  readonly organization_id: string;
  readonly since: string;
  readonly as_of: string;
  readonly types: readonly TypeReport[];
}

/** Whether nothing differs any more, and everything was looked at. */
function isSettled({ types }: Report): boolean {
  return types.every(({ fault, differences }) => fault === null && differences.every(isApplied));
}

function isApplied({ outcome }: Difference): boolean {
  return outcome === "applied" || outcome === "already_recorded";
}

function asDocument({ types, ...run }: Report): object {
  return {
    ...run,
    balanced: types.every(({ fault, differences }) => fault === null && differences.length === 0),
    types: types.map(({ differences, ...type }) => ({ ...type, ...countsOf(differences) })),
    differences: types.flatMap(({ differences }) => differences),
  };
}

function asText(report: Report, output: Output): string {
  const { organization_id, since, types } = report;
  const found = types.flatMap(({ differences }) => differences);
  const counts = output.table(
    ["type", "listed", "missing", "drifted", "deleted", "extra", "applied"],
    types.map(({ type, listed, differences, fault }): Cell[] => {
      const { missing, drifted, deleted, extra } = countsOf(differences);
      const style = fault !== null || differences.length > 0 ? "yellow" : "green";
      const counted = [listed, missing, drifted, deleted, extra, differences.filter(isApplied).length];
      return [{ text: type, style }, ...counted.map(String)];
    }),
  );
  const rows = found.map((one): Cell[] => [
    one.type,
    one.resource_id,
    one.difference,
    one.bank_updated_at ?? "–",
    one.relay_version_at ?? "–",
    { text: one.outcome.replaceAll("_", " "), style: isApplied(one) ? "green" : "yellow" },
    one.fields.join(", "),
  ]);
  const differences = output.table(["type", "id", "difference", "bank", "relay", "outcome", "fields"], rows);
  const faults = types.flatMap(({ type, fault }) =>
    fault === null ? [] : `${type} was not compared to its end: ${fault}`,
  );
  return [
    `Organization ${organization_id}, what has changed since ${since}.`,
    counts,
    ...(rows.length === 0 ? [] : [differences]),
    [...faults, conclusion(report, found)].join("\n"),
  ].join("\n\n");
}

function conclusion(report: Report, found: readonly Difference[]): string {
  if (found.length === 0 && isSettled(report)) return "The relay knows what the bank shows.";
  const extra = found.some(({ difference }) => difference === "extra")
    ? " Extra resources are only reported: Qonto does not list them, and does not say that they are gone."
    : "";
  const hint = found.some(({ difference, outcome }) => difference !== "extra" && outcome === "reported")
    ? " --apply sends what is missing, has drifted or is gone to the relay."
    : "";
  const applied = found.filter(isApplied).length;
  const differences = found.length === 1 ? "1 difference" : `${found.length} differences`;
  return `${differences}, ${applied} applied.${extra}${hint}`;
}

function countsOf(differences: readonly Difference[]): Record<Difference["difference"], number> {
  const counts = { missing: 0, drifted: 0, deleted: 0, extra: 0 };
  for (const { difference } of differences) counts[difference] += 1;
  return counts;
}
