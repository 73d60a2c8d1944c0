import type { Cell, Output } from "../../output.ts";
import type { Found, TypeReport } from "./reconcile-type.ts";

/** What a run has found, as a document. */
export interface Report {
  readonly organization_id: string;
  readonly since: string;
  readonly as_of: string;
  readonly types: readonly TypeReport[];
}

/** Whether nothing differs any more, and everything was looked at. */
export function isSettled({ types }: Report): boolean {
  return types.every(({ fault, differences }) => fault === null && differences.every(isMended));
}

function isMended({ outcome }: Found): boolean {
  return outcome === "applied" || outcome === "already_recorded";
}

export function asDocument({ types, ...run }: Report): object {
  return {
    ...run,
    balanced: types.every(({ fault, differences }) => fault === null && differences.length === 0),
    types: types.map(({ differences, ...type }) => ({ ...type, ...countsOf(differences) })),
    differences: types.flatMap(({ differences }) => differences),
  };
}

export function asText(report: Report, output: Output): string {
  const { organization_id, since, types } = report;
  const found = types.flatMap(({ differences }) => differences);
  const counts = output.table(
    ["type", "listed", "missing", "drifted", "extra", "put through"],
    types.map(({ type, listed, differences, fault }) => {
      const { missing, drifted, extra } = countsOf(differences);
      const style = fault !== null || differences.length > 0 ? ("yellow" as const) : ("green" as const);
      const mended = String(differences.filter(isMended).length);
      return [{ text: type, style }, String(listed), String(missing), String(drifted), String(extra), mended];
    }),
  );
  const rows = found.map((one): Cell[] => [
    one.type,
    one.resource_id,
    one.difference,
    one.bank_updated_at ?? "–",
    one.relay_version_at ?? "–",
    { text: one.outcome.replaceAll("_", " "), style: isMended(one) ? "green" : "yellow" },
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

function conclusion(report: Report, found: readonly Found[]): string {
  if (found.length === 0 && isSettled(report)) return "The relay knows what the bank shows.";
  const extra = found.some(({ difference }) => difference === "extra")
    ? " What is extra is only reported: Qonto no longer lists it, or not to this token."
    : "";
  const hint = found.some(({ difference, outcome }) => difference !== "extra" && outcome === "reported")
    ? " With --apply what is missing or has drifted is put through."
    : "";
  const mended = found.filter(isMended).length;
  const differences = found.length === 1 ? "1 difference" : `${found.length} differences`;
  return `${differences}, ${mended} put through.${extra}${hint}`;
}

function countsOf(differences: readonly Found[]): { missing: number; drifted: number; extra: number } {
  const counts = { missing: 0, drifted: 0, extra: 0 };
  for (const { difference } of differences) counts[difference] += 1;
  return counts;
}
