import type { DestinationBacklog } from "../../store/backlog.ts";
import type { RecentOfDestination } from "../../store/recent-deliveries.ts";
import { count } from "./figure.tsx";
import { State } from "./state.tsx";
import { Strip } from "./strip.tsx";
import { type Column, Table } from "./table.tsx";
import { TeamLink } from "./team-link.tsx";
import { teamState } from "./team-state.ts";
import { durationInWords } from "./time.tsx";

/** A team, its deliveries of late, and how things stand there. */
export interface TeamRow extends RecentOfDestination {
  readonly backlog: DestinationBacklog | undefined;
}

interface TeamTableProps {
  readonly teams: readonly TeamRow[];
  readonly now: number;
  /** Stand behind the team's name. */
  readonly more?: readonly Column<TeamRow>[];
}

/** Each team with its state, its latest deliveries and what it is owed. */
export function TeamTable({ teams, now, more = [] }: TeamTableProps) {
  return (
    <Table
      caption="Teams, their state and their latest deliveries"
      rows={teams}
      columns={[
        { title: "Team", cell: (team) => <TeamLink team={team} /> },
        { title: "State", cell: ({ backlog }) => <State state={teamState(backlog)} /> },
        ...more,
        { title: "Latest deliveries", cell: ({ recent }) => <Strip marks={recent.map(({ status }) => status)} /> },
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
