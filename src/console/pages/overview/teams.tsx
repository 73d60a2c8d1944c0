import { count } from "../../components/figure.tsx";
import { EmptyState } from "../../components/notice.tsx";
import { State, type StateName } from "../../components/state.tsx";
import { Strip } from "../../components/strip.tsx";
import { Table } from "../../components/table.tsx";
import { TeamLink } from "../../components/team-link.tsx";
import { durationInWords } from "../../components/time.tsx";
import { addresses } from "../../addresses.ts";
import type { OverviewFigures } from "./figures.ts";

type Team = OverviewFigures["teams"][number];

/** Each team with its state and its latest deliveries. */
export function Teams({ teams, now }: { readonly teams: readonly Team[]; readonly now: number }) {
  return (
    <section aria-labelledby="teams">
      <h2 id="teams">Teams</h2>
      {teams.length === 0 ? (
        <EmptyState title="No team gets events yet.">
          <p>
            <a href={addresses.teams}>Add the first team</a>: its URL and the types of event that it wants.
          </p>
        </EmptyState>
      ) : (
        <Table
          caption="Teams, their state and their latest deliveries"
          rows={teams}
          columns={[
            { title: "Team", cell: (team) => <TeamLink team={team} /> },
            { title: "State", cell: (team) => <State state={stateOf(team)} /> },
            { title: "Latest deliveries", cell: ({ recent }) => <Strip marks={recent.map(({ status }) => status)} /> },
            { title: "Waiting", kind: "figure", cell: ({ backlog }) => showPending(backlog, now) },
            { title: "Dead", kind: "figure", cell: ({ backlog }) => count(backlog?.dead ?? 0) },
          ]}
        />
      )}
    </section>
  );
}

function stateOf({ backlog }: Team): StateName {
  if (backlog === undefined || !backlog.enabled) return "paused";
  if (backlog.isResting) return "resting";
  return backlog.isFailing ? "failing" : "healthy";
}

function showPending(backlog: Team["backlog"], now: number): string {
  if (backlog === undefined || backlog.pending === 0) return "0";
  const age = backlog.oldestPendingAt === null ? "" : `, for ${durationInWords(now - backlog.oldestPendingAt)}`;
  return `${count(backlog.pending)}${age}`;
}
