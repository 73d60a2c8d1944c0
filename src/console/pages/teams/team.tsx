import { z } from "zod";
import type { Attempt } from "../../../domain/delivery.ts";
import type { Tally } from "../../../domain/tally.ts";
import { existingTeam } from "../../../operator/actions/teams.ts";
import { testTeam } from "../../../operator/actions/test-team.ts";
import type { World } from "../../../platform/world.ts";
import { writeTally } from "../../../write-tally.ts";
import { addresses, teamAddress } from "../../addresses.ts";
import { Notice } from "../../components/notice.tsx";
import { Page } from "../../components/page.tsx";
import { hostOf, teamName } from "../../components/team-link.tsx";
import { type Console, type ConsoleContext, readQuery, viewerOf } from "../../requests.ts";
import { showPage } from "../../show-page.ts";
import { TeamDeeds } from "./deeds.tsx";
import { Deliveries, deliveriesQuery, readDeliveries } from "./deliveries.tsx";
import { done, sayDone } from "./done.ts";
import { Judgement } from "./judgement.tsx";
import { ReplayForm } from "./replay-form.tsx";
import { Replays } from "./replays.tsx";
import { Settings } from "./settings.tsx";
import { TeamChart } from "./team-chart.tsx";
import { readTeamFigures } from "./team-figures.ts";
import { Tested } from "./tested.tsx";

const doneWord = z
  .string()
  .refine((word): word is keyof typeof done => Object.hasOwn(done, word), "Is no word of this page");

const query = deliveriesQuery.extend({ done: doneWord.optional() }).strict();

type Asked = z.output<typeof query>;

/** Does this team get its events? If not: why, and what cures it. */
export function addTeam(pages: Console, world: World, tally: Tally): void {
  pages.get("/teams/:id", (c) => showTeam(c, c.req.param("id"), readQuery(c, query)));

  // The answer stands on the page itself; it has no address of its own to come back to.
  pages.get("/teams/:id/test", (c) => c.redirect(teamAddress(c.req.param("id")), 303));
  pages.post("/teams/:id/test", async (c) => {
    const id = c.req.param("id");
    return showTeam(c, id, {}, await testTeam(c, world, id));
  });

  async function showTeam(c: ConsoleContext, id: string, asked: Asked, tested?: Attempt): Promise<Response> {
    const now = world.now();
    const team = await existingTeam(c, id);
    // What this isolate has counted and not written down belongs to it.
    await writeTally(c.env.DB, tally, now);
    const [figures, listed] = await Promise.all([
      readTeamFigures(c.env.DB, team, now),
      readDeliveries(c.env.DB, team.id, asked),
    ]);
    const viewer = viewerOf(c);
    const listQuery = { show: asked.show, cursor: c.req.query("cursor") };
    return showPage(
      c,
      <Page title={teamName(team)} viewer={viewer} here={addresses.teams} lead={hostOf(team.url)}>
        {asked.done === undefined ? null : <Notice kind="ok">{sayDone(asked.done, team)}</Notice>}
        {tested === undefined ? null : <Tested attempt={tested} team={team} now={now} />}
        <div id="team" data-live={tested === undefined ? "15" : undefined}>
          <Judgement viewer={viewer} figures={figures} />
          <TeamDeeds viewer={viewer} team={team} />
          <TeamChart figures={figures} />
          <Deliveries team={team} now={now} query={listQuery} listed={listed} />
          <Replays replays={figures.replays} />
        </div>
        <ReplayForm teamId={team.id} since={now - DAY_MS} />
        <Settings team={team} now={now} />
      </Page>,
    );
  }
}

const DAY_MS = 86_400_000;
