import type { Tally } from "../../../domain/tally.ts";
import { changeTeam } from "../../../operator/actions/teams.ts";
import type { World } from "../../../platform/world.ts";
import { teamAddress, teamDeedAddress } from "../../addresses.ts";
import { linkTo } from "../../components/filters.tsx";
import { Press } from "../../components/form.tsx";
import type { Console, Viewer } from "../../requests.ts";
import type { DestinationReport } from "../../../store/destinations.ts";

/** Pause, and resume: also of a team that is not paused, which tries at once what waits for it. */
export function addTeamDeeds(pages: Console, world: World, tally: Tally): void {
  pages.post("/teams/:id/pause", async (c) => {
    const { id } = await changeTeam(c, { world, tally }, c.req.param("id"), { enabled: false });
    return c.redirect(linkTo(teamAddress(id), { done: "paused" }), 303);
  });

  pages.post("/teams/:id/resume", async (c) => {
    const { id } = await changeTeam(c, { world, tally }, c.req.param("id"), { enabled: true });
    return c.redirect(linkTo(teamAddress(id), { done: "resumed" }), 303);
  });
}

interface TeamDeedsProps {
  readonly viewer: Viewer;
  readonly team: DestinationReport;
}

/** What can be done to a team beside the cures that its state calls for. */
export function TeamDeeds({ viewer, team: { id, enabled } }: TeamDeedsProps) {
  return (
    <div class="actions deeds">
      <a class="button button-plain" href={teamDeedAddress(id, "edit")}>
        Edit
      </a>
      {enabled ? (
        <Press viewer={viewer} action={teamDeedAddress(id, "pause")}>
          Pause
        </Press>
      ) : null}
      <a class="button button-plain" href={teamDeedAddress(id, "rotate")}>
        Rotate secret
      </a>
      <a class="button button-plain" href="#replay">
        Replay
      </a>
      <a class="button button-danger" href={teamDeedAddress(id, "delete")}>
        Delete
      </a>
    </div>
  );
}
