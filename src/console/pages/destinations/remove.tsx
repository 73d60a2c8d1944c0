import { existingDestination, removeDestination } from "../../../api/actions/destinations.ts";
import type { World } from "../../../platform/world.ts";
import { COUNTED_AT_MOST, backlogOf, readBacklogRow } from "../../../store/backlog.ts";
import { addresses, destinationAddress, destinationActionAddress } from "../../addresses.ts";
import { linkTo } from "../../ui/table.tsx";
import { count } from "../../ui/values.tsx";
import { Press } from "../../ui/form.tsx";
import { Page } from "../../ui/layout.tsx";
import { destinationName } from "../../ui/destination.tsx";
import { type Console, viewerOf } from "../../requests.ts";
import { showPage } from "../../show-page.ts";

/** Asks first, and says what it costs. */
export function addDestinationRemoval(pages: Console, world: World): void {
  pages.get("/destinations/:id/delete", async (c) => {
    const destination = await existingDestination(c, c.req.param("id"));
    const { results } = await backlogOf(c.env.DB, destination.id).all();
    const pending = results.map(readBacklogRow)[0]?.pending ?? 0;
    const viewer = viewerOf(c);
    return showPage(
      c,
      <Page title={`Delete ${destinationName(destination)}?`} viewer={viewer} here={addresses.destinations}>
        <p>
          It gets no more events. {sayPending(pending)} What it got stays in each event's history. It cannot be undone:
          a destination that only wants a rest is better paused.
        </p>
        <div class="actions">
          <Press viewer={viewer} action={destinationActionAddress(destination.id, "delete")} kind="danger">
            Delete the destination
          </Press>
          {destination.enabled ? (
            <Press viewer={viewer} action={destinationActionAddress(destination.id, "pause")}>
              Pause it instead
            </Press>
          ) : null}
          <a class="button button-plain" href={destinationAddress(destination.id)}>
            Leave it
          </a>
        </div>
      </Page>,
    );
  });

  pages.post("/destinations/:id/delete", async (c) => {
    await removeDestination(c, world, c.req.param("id"));
    return c.redirect(linkTo(addresses.destinations, { done: "deleted" }), 303);
  });
}

function sayPending(pending: number): string {
  if (pending === 0) return "Nothing is waiting for it.";
  const many = pending >= COUNTED_AT_MOST ? `${count(pending)} or more events` : `${count(pending)} events`;
  return pending === 1 ? "The one event that waits for it ends as dead." : `The ${many} that wait for it end as dead.`;
}
