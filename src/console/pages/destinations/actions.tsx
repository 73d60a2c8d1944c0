import type { Counters } from "../../../domain/counters.ts";
import { changeDestination } from "../../../api/actions/destinations.ts";
import type { World } from "../../../platform/world.ts";
import { destinationAddress, destinationActionAddress } from "../../addresses.ts";
import { linkTo } from "../../ui/table.tsx";
import { Press } from "../../ui/form.tsx";
import type { Console, Viewer } from "../../requests.ts";
import type { DestinationReport } from "../../../store/destinations.ts";

/** Pause, and resume: also of a destination that is not paused, which tries at once what waits for it. */
export function addDestinationActions(pages: Console, world: World, counters: Counters): void {
  pages.post("/destinations/:id/pause", async (c) => {
    const { id } = await changeDestination(c, { world, counters }, c.req.param("id"), { enabled: false });
    return c.redirect(linkTo(destinationAddress(id), { done: "paused" }), 303);
  });

  pages.post("/destinations/:id/resume", async (c) => {
    const { id } = await changeDestination(c, { world, counters }, c.req.param("id"), { enabled: true });
    return c.redirect(linkTo(destinationAddress(id), { done: "resumed" }), 303);
  });
}

interface DestinationActionsProps {
  readonly viewer: Viewer;
  readonly destination: DestinationReport;
}

/** What can be done to a destination beside the cures that its state calls for. */
export function DestinationActions({ viewer, destination: { id, enabled } }: DestinationActionsProps) {
  return (
    <div class="actions actions">
      <a class="button button-plain" href={destinationActionAddress(id, "edit")}>
        Edit
      </a>
      {enabled ? (
        <Press viewer={viewer} action={destinationActionAddress(id, "pause")}>
          Pause
        </Press>
      ) : null}
      <a class="button button-plain" href={destinationActionAddress(id, "rotate")}>
        Rotate secret
      </a>
      <a class="button button-plain" href="#replay">
        Replay
      </a>
      <a class="button button-danger" href={destinationActionAddress(id, "delete")}>
        Delete
      </a>
    </div>
  );
}
