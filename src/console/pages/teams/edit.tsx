import type { z } from "zod";
import type { Tally } from "../../../domain/tally.ts";
import { changeTeam, existingTeam } from "../../../operator/actions/teams.ts";
import { type change, showDestination } from "../../../operator/destination-schema.ts";
import type { World } from "../../../platform/world.ts";
import type { DestinationReport } from "../../../store/destinations.ts";
import { addresses, teamAddress, teamDeedAddress } from "../../addresses.ts";
import { linkTo } from "../../components/filters.tsx";
import { Page } from "../../components/page.tsx";
import { teamName } from "../../components/team-link.tsx";
import { type Console, type ConsoleContext, readForm, viewerOf } from "../../requests.ts";
import { showPage } from "../../show-page.ts";
import { type TeamFaults, checkChange, faultsOf } from "./team-faults.ts";
import { TeamForm } from "./team-form.tsx";
import { type TypedTeam, typeTeam, typedTeam } from "./typed-team.ts";

export function addTeamEdit(pages: Console, world: World, tally: Tally): void {
  pages.get("/teams/:id/edit", async (c) => {
    const team = await existingTeam(c, c.req.param("id"));
    return showEdit(c, team, typeTeam(team), {});
  });

  pages.post("/teams/:id/edit", async (c) => {
    const typed = await readForm(c, typedTeam);
    const team = await existingTeam(c, c.req.param("id"));
    const { wishes, faults } = checkChange(typed);
    if (wishes === null) return showEdit(c, team, typed, faults);
    const changed = whatDiffers(wishes, team);
    try {
      if (Object.keys(changed).length > 0) await changeTeam(c, { world, tally }, team.id, changed);
    } catch (error) {
      const refused = faultsOf(error);
      if (refused === null) throw error;
      return showEdit(c, team, typed, refused);
    }
    const done = Object.keys(changed).length === 0 ? "unchanged" : "changed";
    return c.redirect(linkTo(teamAddress(team.id), { done }), 303);
  });
}

function showEdit(c: ConsoleContext, team: DestinationReport, typed: TypedTeam, faults: TeamFaults) {
  const viewer = viewerOf(c);
  return showPage(
    c,
    <Page title={`Edit ${teamName(team)}`} viewer={viewer} here={addresses.teams}>
      <TeamForm viewer={viewer} action={teamDeedAddress(team.id, "edit")} typed={typed} faults={faults} isNew={false} />
      <p>
        <a href={teamAddress(team.id)}>Back to the team</a>
      </p>
    </Page>,
    Object.keys(faults).length === 0 ? 200 : 400,
  );
}

/** A form says everything, the audit trail only what was changed. */
function whatDiffers(wishes: z.output<typeof change>, team: DestinationReport): z.output<typeof change> {
  const present = new Map<string, unknown>(Object.entries(showDestination(team, team.updatedAt)));
  return Object.fromEntries(
    Object.entries(wishes).filter(([name, value]) => comparable(value) !== comparable(present.get(name))),
  );
}

/** The order in which types are named means nothing; that of waits does. */
function comparable(value: unknown): string {
  const isNames = Array.isArray(value) && value.every((one) => typeof one === "string");
  return JSON.stringify(isNames ? value.toSorted() : value);
}
