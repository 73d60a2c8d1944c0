import { z } from "zod";
import { cursorOf, encodeCursor } from "../../../operator/requests.ts";
import type { World } from "../../../platform/world.ts";
import { backlogs, readBacklogRow } from "../../../store/backlog.ts";
import { readRecentRow, recentDeliveries } from "../../../store/recent-deliveries.ts";
import { addresses, newTeamAddress } from "../../addresses.ts";
import { Pager } from "../../components/filters.tsx";
import { EmptyState, Notice } from "../../components/notice.tsx";
import { Page } from "../../components/page.tsx";
import { type TeamRow, TeamTable } from "../../components/team-table.tsx";
import { hostOf } from "../../components/team-link.tsx";
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
              <p class="lead">{inWords(teams, nextCursor !== null || cursor !== undefined)}</p>
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

async function readTeams(db: D1Database, after: string): Promise<{ teams: TeamRow[]; nextCursor: string | null }> {
  const [recent, backlog] = await db.batch([recentDeliveries(db, after, PAGE + 1), backlogs(db)]);
  const backlogOf = new Map((backlog?.results ?? []).map(readBacklogRow).map((one) => [one.destinationId, one]));
  const rows = (recent?.results ?? []).map(readRecentRow);
  const teams = rows.slice(0, PAGE).map((team) => ({ ...team, backlog: backlogOf.get(team.id) }));
  const last = teams.at(-1);
  return { teams, nextCursor: rows.length > PAGE && last !== undefined ? encodeCursor({ id: last.id }) : null };
}

function inWords(teams: readonly TeamRow[], isPart: boolean): string {
  const struggling = teams.filter(({ backlog }) => backlog?.isFailing === true || backlog?.isResting === true).length;
  const paused = teams.filter(({ backlog }) => backlog?.enabled === false).length;
  const all = teams.length === 1 ? "the one team" : `the ${teams.length} teams`;
  const where = isPart ? `Of ${all} on this page` : `Of ${all}`;
  const pause = paused === 0 ? "" : ` ${paused === 1 ? "One is" : `${paused} are`} paused.`;
  if (struggling === 0) return `${where} none is in trouble.${pause}`;
  return `${where} ${struggling === 1 ? "one does" : `${struggling} do`} not take what it is owed: its name leads to why.${pause}`;
}
