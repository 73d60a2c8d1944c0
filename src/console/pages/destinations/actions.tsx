import { changeDestination, existingDestination, removeDestination } from "../../../api/actions/destinations.ts";
import type { Counters } from "../../../domain/counters.ts";
import type { Destination } from "../../../domain/destination.ts";
import type { World } from "../../../platform/world.ts";
import { COUNTED_AT_MOST, backlogOf, readBacklogRow } from "../../../store/destination-deliveries.ts";
import { addresses, destinationActionAddress, destinationAddress } from "../../addresses.ts";
import { redirectDone } from "../../flash.ts";
import type { Console } from "../../requests.ts";
import { showPage } from "../../show-page.tsx";
import { destinationName } from "../../ui/destination.tsx";
import { Press } from "../../ui/form.tsx";
import { Page } from "../../ui/layout.tsx";
import { count } from "../../ui/values.tsx";

/** Pause, resume and delete. Resuming a destination that is not paused retries its pending deliveries now. */
export function addDestinationActions(pages: Console, world: World, counters: Counters): void {
  pages.post("/destinations/:id/pause", async (c) => {
    const { id } = await changeDestination(c, { world, counters }, c.req.param("id"), { enabled: false });
    return redirectDone(c, destinationAddress(id), "destination-paused");
  });

  pages.post("/destinations/:id/resume", async (c) => {
    const { id } = await changeDestination(c, { world, counters }, c.req.param("id"), { enabled: true });
    return redirectDone(c, destinationAddress(id), "destination-resumed");
  });

  pages.get("/destinations/:id/delete", async (c) => {
    const destination = await existingDestination(c, c.req.param("id"));
    const { results } = await backlogOf(c.env.DB, destination.id).all();
    const pending = results.map(readBacklogRow)[0]?.pending ?? 0;
    return showPage(
      c,
      <Page title={`Delete ${destinationName(destination)}?`} here={addresses.destinations}>
        <p>
          It gets no more events. {sayPending(pending)} Past deliveries stay in the history of each event. This cannot
          be undone. To stop deliveries for a while, pause the destination instead.
        </p>
        <div class="actions">
          <Press action={destinationActionAddress(destination.id, "delete")} kind="danger">
            Delete destination
          </Press>
          {destination.enabled ? (
            <Press action={destinationActionAddress(destination.id, "pause")}>Pause instead</Press>
          ) : null}
          <a class="button" href={destinationAddress(destination.id)}>
            Cancel
          </a>
        </div>
      </Page>,
    );
  });

  pages.post("/destinations/:id/delete", async (c) => {
    await removeDestination(c, world, c.req.param("id"));
    return redirectDone(c, addresses.destinations, "destination-deleted");
  });
}

function sayPending(pending: number): string {
  if (pending === 0) return "It has no pending deliveries.";
  if (pending === 1) return "Its 1 pending delivery ends as dead.";
  return `Its ${count(pending)}${pending >= COUNTED_AT_MOST ? " or more" : ""} pending deliveries end as dead.`;
}

/** The actions that every destination has. Those that its state calls for stand with the diagnosis. */
export function ActionBar({ destination: { id, enabled } }: { readonly destination: Destination }) {
  return (
    <div class="actions">
      <a class="button" href={destinationActionAddress(id, "edit")}>
        Edit
      </a>
      {enabled ? <Press action={destinationActionAddress(id, "pause")}>Pause</Press> : null}
      <a class="button" href={destinationActionAddress(id, "rotate")}>
        Rotate secret
      </a>
      <a class="button" href="#replay">
        Replay
      </a>
      <a class="button button-danger" href={destinationActionAddress(id, "delete")}>
        Delete
      </a>
    </div>
  );
}
