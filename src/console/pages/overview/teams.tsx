import { addresses, newTeamAddress } from "../../addresses.ts";
import { EmptyState } from "../../components/notice.tsx";
import { TeamTable } from "../../components/team-table.tsx";
import type { OverviewFigures } from "./figures.ts";

interface TeamsProps {
  readonly teams: OverviewFigures["teams"];
  readonly now: number;
}

/** Each team with its state and its latest deliveries. */
export function Teams({ teams, now }: TeamsProps) {
  return (
    <section aria-labelledby="teams">
      <h2 id="teams">
        <a href={addresses.teams}>Teams</a>
      </h2>
      {teams.length === 0 ? (
        <EmptyState title="No team gets events yet.">
          <p>
            <a href={newTeamAddress}>Add the first team</a>: its URL and the types of event that it wants.
          </p>
        </EmptyState>
      ) : (
        <TeamTable teams={teams} now={now} />
      )}
    </section>
  );
}
