import { destinationName } from "../../domain/destination-name.ts";
import { defaultRetryScheduleSeconds } from "../../domain/retry-schedule.ts";
import type { DestinationBacklog, RecentOfDestination } from "../../store/destination-deliveries.ts";
import { destinationAddress } from "../addresses.ts";
import { usePage } from "../show-page.tsx";
import { State, count, ageInWords, durationInWords } from "./values.tsx";
import { Strip } from "./chart.tsx";
import { type Column, Table } from "./table.tsx";

interface Named {
  readonly id: string;
  readonly description: string | null;
  readonly url: string;
}

export function DestinationLink({ destination }: { readonly destination: Named }) {
  return (
    <a href={destinationAddress(destination.id)}>
      <bdi>{destinationName(destination)}</bdi>
    </a>
  );
}

/** Null: the default schedule. */
export function scheduleInWords(seconds: readonly number[] | null): string {
  const waits = (seconds ?? defaultRetryScheduleSeconds).map((one) => durationInWords(one * 1000));
  return waits.join(", ") || "no retries";
}

/** A destination with its latest deliveries and its backlog. */
export interface DestinationRow extends RecentOfDestination {
  /** Undefined when it was just deleted: it gets no events either. */
  readonly backlog: DestinationBacklog | undefined;
}

export function withBacklogs(
  destinations: readonly RecentOfDestination[],
  backlogs: readonly DestinationBacklog[],
): DestinationRow[] {
  const backlogOf = new Map(backlogs.map((backlog) => [backlog.destinationId, backlog]));
  return destinations.map((destination) => ({ ...destination, backlog: backlogOf.get(destination.id) }));
}

function stateOf({ backlog }: DestinationRow): "healthy" | "failing" | "circuit open" | "paused" {
  if (backlog === undefined || !backlog.enabled) return "paused";
  if (backlog.isCircuitOpen) return "circuit open";
  return backlog.isFailing ? "failing" : "healthy";
}

/** A paused destination is not one of them. */
export function failingDestinations(destinations: readonly DestinationRow[]): DestinationRow[] {
  return destinations.filter((one) => ["failing", "circuit open"].includes(stateOf(one)));
}

/** `Accounting and 1 more are failing.` */
export function Failing({ destinations }: Pick<DestinationTableProps, "destinations">) {
  const [first, ...more] = failingDestinations(destinations);
  if (first === undefined) return <>none is failing.</>;
  return (
    <>
      <DestinationLink destination={first} />
      {more.length === 0 ? " is failing." : ` and ${more.length} more are failing.`}
    </>
  );
}

export function countPaused(destinations: readonly DestinationRow[]): number {
  return destinations.filter((one) => stateOf(one) === "paused").length;
}

interface DestinationTableProps {
  readonly destinations: readonly DestinationRow[];
  /** Columns after the state. */
  readonly more?: readonly Column<DestinationRow>[];
}

export function DestinationTable({ destinations, more = [] }: DestinationTableProps) {
  const { now } = usePage();
  return (
    <Table
      caption="Destinations, their state and their latest deliveries"
      rows={destinations}
      columns={[
        { title: "Destination", cell: (destination) => <DestinationLink destination={destination} /> },
        { title: "State", cell: (destination) => <State state={stateOf(destination)} /> },
        ...more,
        { title: "Latest deliveries", cell: ({ recent }) => <Strip statuses={recent.map(({ status }) => status)} /> },
        { title: "Pending", kind: "figure", cell: ({ backlog }) => showPending(backlog, now) },
        { title: "Dead", kind: "figure", cell: ({ backlog }) => count(backlog?.dead ?? 0) },
      ]}
    />
  );
}

function showPending(backlog: DestinationBacklog | undefined, now: number): string {
  if (backlog === undefined || backlog.pending === 0) return "0";
  const age = backlog.oldestPendingAt === null ? "" : `, for ${ageInWords(now - backlog.oldestPendingAt)}`;
  return `${count(backlog.pending)}${age}`;
}
