import { z } from "zod";
import type { Database } from "../../../store/database.ts";
import { cursorOf, encodeCursor } from "../../../operator/requests.ts";
import type { World } from "../../../platform/world.ts";
import { backlogs, readBacklogRow } from "../../../store/backlog.ts";
import { readRecentRow, recentDeliveries } from "../../../store/recent-deliveries.ts";
import { addresses, newTeamAddress } from "../../addresses.ts";
import { Pager } from "../../components/filters.tsx";
import { EmptyState, Notice } from "../../components/notice.tsx";
import { Page } from "../../components/page.tsx";
import { type TeamRow, TeamTable } from "../../components/team-table.tsx";
import { TeamLink, hostOf } from "../../components/team-link.tsx";
import { countPaused, failingTeams } from "../../components/team-state.ts";
import { type Console, readQuery, viewerOf } from "../../requests.ts";
import { showPage } from "../../show-page.ts";
import { Wanted } from "./wanted.tsx";

const PAGE = 50;

const query = z.strictObject({
  cursor: cursorOf(z.object({ id: z.string() })).optional(),
  done: z.literal("deleted").optional(),
});

/** Who gets events, and does each get its own? */
export function addTeamList(pages: Console, world: World): void {
  pages.get("/teams", async (c) => {
    const { cursor, done } = readQuery(c, query);
    const { teams, nextCursor } = await readTeams(c.env.DB, cursor?.id ?? "");
    return showPage(
      c,
      <Page title="Teams" viewer={viewerOf(c)} here={addresses.teams}>
        {done === undefined ? null : (
          <Notice kind="ok">The team is gone. What it was still owed has ended as dead.</Notice>
        )}
        {teams.length === 0 && cursor === undefined ? (
          <EmptyState title="No team gets events yet.">
            <p>
              <a href={newTeamAddress}>Add the first team</a>: its URL and the types of event that it wants.
            </p>
          </EmptyState>
        ) : (
          <>
            <div class="lead-line">
              <p class="lead">
                <InWords teams={teams} isPart={nextCursor !== null || cursor !== undefined} />
              </p>
              <a class="button button-main" href={newTeamAddress}>
                Add a team
              </a>
            </div>
            <div id="teams" data-live="15">
              <TeamTable
                teams={teams}
                now={world.now()}
                more={[
                  { title: "Host", cell: ({ url }) => <bdi class="mono">{hostOf(url)}</bdi> },
                  { title: "Wants", cell: ({ types }) => <Wanted types={types} /> },
                ]}
              />
            </div>
          </>
        )}
        <Pager path={addresses.teams} query={{ cursor: c.req.query("cursor") }} nextCursor={nextCursor} />
      </Page>,
    );
  });
}

async function readTeams(db: Database, after: string): Promise<{ teams: TeamRow[]; nextCursor: string | null }> {
  const [recent, backlog] = await db.batch([recentDeliveries(db, after, PAGE + 1), backlogs(db)]);
  const backlogOf = new Map((backlog?.results ?? []).map(readBacklogRow).map((one) => [one.destinationId, one]));
  const rows = (recent?.results ?? []).map(readRecentRow);
  const teams = rows.slice(0, PAGE).map((team) => ({ ...team, backlog: backlogOf.get(team.id) }));
  const last = teams.at(-1);
  return { teams, nextCursor: rows.length > PAGE && last !== undefined ? encodeCursor({ id: last.id }) : null };
}

/** Which team wants a look, in a sentence. */
function InWords({ teams, isPart }: { readonly teams: readonly TeamRow[]; readonly isPart: boolean }) {
  const [first, ...more] = failingTeams(teams);
  const paused = countPaused(teams);
  const all = teams.length === 1 ? "the one team" : `the ${teams.length} teams`;
  const where = isPart ? `Of ${all} on this page` : `Of ${all}`;
  return (
    <>
      {where}{" "}
      {first === undefined ? (
        "none fails."
      ) : (
        <>
          <TeamLink team={first} />
          {more.length === 0
            ? " does not take what it is owed."
            : ` and ${more.length} more do not take what they are owed.`}
        </>
      )}
      {paused === 0 ? null : ` ${paused === 1 ? "One is" : `${paused} are`} paused.`}
    </>
  );
}
