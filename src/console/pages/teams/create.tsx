import { z } from "zod";
import { createTeam, newTeamId } from "../../../operator/actions/teams.ts";
import type { World } from "../../../platform/world.ts";
import { findDestination } from "../../../store/destinations.ts";
import { addresses, newTeamAddress, teamAddress } from "../../addresses.ts";
import { linkTo } from "../../components/filters.tsx";
import { Page } from "../../components/page.tsx";
import { type Console, type ConsoleContext, readForm, readQuery, viewerOf } from "../../requests.ts";
import { showPage } from "../../show-page.ts";
import { SecretPage } from "./secret-page.tsx";
import { type TeamFaults, checkNewTeam, faultsOf } from "./team-faults.ts";
import { TeamForm } from "./team-form.tsx";
import { type TypedTeam, typedTeam, untypedTeam } from "./typed-team.ts";

/**
 * The form already says which id its team will have: one that is sent twice, because a page was loaded again or a button was
 * pressed twice, makes one team.
 */
const fields = typedTeam.extend({ id: z.string().regex(/^dst_[0-9a-f]{28}$/) });

export function addTeamCreation(pages: Console, world: World): void {
  pages.get("/teams/new", (c) => {
    readQuery(c, z.strictObject({}));
    return showNewTeam(c, { id: newTeamId(world), typed: untypedTeam, faults: {} });
  });

  pages.post("/teams/new", async (c) => {
    const { id, ...typed } = await readForm(c, fields);
    const { wishes, faults } = checkNewTeam(typed);
    if (wishes === null) return showNewTeam(c, { id, typed, faults });
    if ((await findDestination(c.env.DB, id)) !== null) return leadToTeamOfBefore(c, id);
    try {
      const { team, secret } = await createTeam(c, world, wishes, id);
      // Of two forms at once the later one has made nothing: its secret is nobody's.
      const kept = await findDestination(c.env.DB, id);
      if (kept?.sealedSecret !== team.sealedSecret) return leadToTeamOfBefore(c, id);
      return await showPage(c, <SecretPage viewer={viewerOf(c)} team={team} secret={secret} why="created" />);
    } catch (error) {
      const refused = faultsOf(error);
      if (refused === null) throw error;
      return showNewTeam(c, { id, typed, faults: refused });
    }
  });
}

interface NewTeam {
  readonly id: string;
  readonly typed: TypedTeam;
  readonly faults: TeamFaults;
}

function showNewTeam(c: ConsoleContext, { id, typed, faults }: NewTeam) {
  const viewer = viewerOf(c);
  return showPage(
    c,
    <Page title="Add a team" viewer={viewer} here={addresses.teams} lead="Who is to get events, and which?">
      <TeamForm viewer={viewer} action={newTeamAddress} typed={typed} faults={faults} hidden={{ id }} isNew />
    </Page>,
    Object.keys(faults).length === 0 ? 200 : 400,
  );
}

function leadToTeamOfBefore(c: ConsoleContext, id: string) {
  return c.redirect(linkTo(teamAddress(id), { done: "created-before" }), 303);
}
