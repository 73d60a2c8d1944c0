import type { DestinationBacklog, RecentOfDestination } from "../../store/destination-deliveries.ts";
import { count } from "./figure.tsx";
import { State } from "./state.tsx";
import { Strip } from "./strip.tsx";
import { type Column, Table } from "./table.tsx";
import { DestinationLink } from "./destination-link.tsx";
import { destinationState } from "./destination-state.ts";
import { durationInWords } from "./time.tsx";

/** A destination, its deliveries of late, and how things stand there. */
export interface DestinationRow extends RecentOfDestination {
  readonly backlog: DestinationBacklog | undefined;
}

interface DestinationTableProps {
  readonly destinations: readonly DestinationRow[];
  readonly now: number;
  /** Stand behind the destination's name. */
  readonly more?: readonly Column<DestinationRow>[];
}

/** Each destination with its state, its latest deliveries and what it is owed. */
export function DestinationTable({ destinations, now, more = [] }: DestinationTableProps) {
  return (
    <Table
      caption="Destinations, their state and their latest deliveries"
      rows={destinations}
      columns={[
        { title: "Destination", cell: (destination) => <DestinationLink destination={destination} /> },
        { title: "State", cell: ({ backlog }) => <State state={destinationState(backlog)} /> },
        ...more,
        { title: "Latest deliveries", cell: ({ recent }) => <Strip statuses={recent.map(({ status }) => status)} /> },
        { title: "Waiting", kind: "figure", cell: ({ backlog }) => showPending(backlog, now) },
        { title: "Dead", kind: "figure", cell: ({ backlog }) => count(backlog?.dead ?? 0) },
      ]}
    />
  );
}

function showPending(backlog: DestinationBacklog | undefined, now: number): string {
  if (backlog === undefined || backlog.pending === 0) return "0";
  const age = backlog.oldestPendingAt === null ? "" : `, for ${durationInWords(now - backlog.oldestPendingAt)}`;
  return `${count(backlog.pending)}${age}`;
}
