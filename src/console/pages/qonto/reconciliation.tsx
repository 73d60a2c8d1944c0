import { type ComparedType, type LastRun, type Run, readLastRun, readRun } from "../../../connection/run.ts";
import type { Connection } from "../../../store/connections.ts";
import { usePage } from "../../show-page.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { Time, count, counted } from "../../ui/values.tsx";

/** What is compared of an organization's state, and what the last comparison found. */
export function Reconciliation({ connection }: { readonly connection: Connection }) {
  const { id, lastReconciliation, reconciliationDueAt, pausedUntil, status } = connection;
  const { now } = usePage();
  const run = readRun(connection, now);
  const nextAt = Math.max(reconciliationDueAt, pausedUntil);
  const last = readLastRun(lastReconciliation);
  return (
    <>
      <h3>Reconciliation</h3>
      {run === null ? null : <Progress run={run} />}
      {run === null || pausedUntil <= now ? null : (
        <p class="soft">
          Paused after a failure. Qonto is asked again <Time at={pausedUntil} show="relative" />.
        </p>
      )}
      {last === null ? <p class="soft">None has ended yet.</p> : <Last id={id} last={last} />}
      {run !== null || status !== "connected" ? null : (
        <p class="soft">
          The next one{" "}
          {nextAt <= now ? (
            "begins within a minute"
          ) : (
            <>
              is due <Time at={nextAt} show="relative" />
            </>
          )}
          .
        </p>
      )}
    </>
  );
}

function Progress({ run: { kind, types, types_left: left, as_of: asOf } }: { readonly run: Run }) {
  const [current] = left;
  const done = types.length - left.length;
  return (
    <p>
      {kind === "fill" ? "The first reconciliation reads everything" : "A reconciliation reads what has changed"}
      {current === undefined ? null : (
        <>
          , now <bdi class="mono">{current}</bdi>
        </>
      )}
      : {done} of {counted(types.length, "type")}, {counted(sumOf(types, "listed"), "item")} so far, begun{" "}
      <Time at={asOf} show="relative" />.{" "}
      <progress max={types.length} value={done} aria-label="Progress of the reconciliation">
        {done} of {types.length}
      </progress>
    </p>
  );
}

function Last({ id, last }: { readonly id: string; readonly last: LastRun }) {
  const { types, kind, finished_at: finishedAt } = last;
  const missing = sumOf(types, "missing");
  const drifted = sumOf(types, "drifted");
  const extra = sumOf(types, "extra");
  const faults = types.filter(({ fault }) => fault !== null);
  return (
    <>
      <p>
        The {kind === "fill" ? "first" : "last"} one ended <Time at={finishedAt} show="relative" />.{" "}
        {counted(sumOf(types, "listed"), "item")} listed: {missing === 0 ? "none" : count(missing)}{" "}
        {missing === 1 ? "was" : "were"} missing, {drifted === 0 ? "none" : count(drifted)} had drifted
        {extra === 0 ? "" : `, ${count(extra)} ${extra === 1 ? "is" : "are"} extra`}.
      </p>
      {faults.length === 0 ? null : (
        <ul class="stack">
          {faults.map((one) => (
            <li>
              <bdi class="mono">{one.type}</bdi> {one.is_covered ? "was not read to its end" : "is not covered"}:{" "}
              <bdi>{one.fault}</bdi>
            </li>
          ))}
        </ul>
      )}
      <details id={`${id}-types`} class="stack">
        <summary>By type</summary>
        <p class="help">
          Missing: the relay did not have it. Drifted: it had it in another state, or it is gone at Qonto. Extra: the
          relay has it, and Qonto does not list it.
        </p>
        <Table caption="What the last reconciliation found, by type" columns={columns} rows={types} />
      </details>
    </>
  );
}

const columns: readonly Column<ComparedType>[] = [
  { title: "Type", cell: ({ type }) => <bdi class="mono">{type}</bdi> },
  { title: "Listed", kind: "figure", cell: ({ listed }) => count(listed) },
  { title: "Missing", kind: "figure", cell: ({ missing }) => count(missing) },
  { title: "Drifted", kind: "figure", cell: ({ drifted }) => count(drifted) },
  { title: "Extra", kind: "figure", cell: ({ extra }) => count(extra) },
];

function sumOf(types: readonly ComparedType[], key: "listed" | "missing" | "drifted" | "extra"): number {
  return types.reduce((sum, one) => sum + one[key], 0);
}
