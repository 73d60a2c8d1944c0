import type { World } from "../../../platform/world.ts";
import { searchEvents } from "../../../store/event-search.ts";
import { readListedDestination, destinationList } from "../../../store/destination-list.ts";
import { addresses } from "../../addresses.ts";
import { EmptyState, Filters, linkTo } from "../../ui/table.tsx";
import { Page } from "../../ui/layout.tsx";
import { Time } from "../../ui/values.tsx";
import { type Console, readQuery, viewerOf } from "../../requests.ts";
import { showPage } from "../../show-page.ts";
import { OrganizationField, TypeField } from "../events/filter-fields.tsx";
import { tailQuery, toSearch } from "../events/search.ts";
import { TailTable } from "./tail-table.tsx";

/** Events as they pass. */
export function addTail(pages: Console, world: World): void {
  pages.get("/tail", async (c) => {
    const query = readQuery(c, tailQuery);
    const { events, also } = await searchEvents(c.env.DB, toSearch(query), [destinationList(c.env.DB)]);
    const destinations = (also[0]?.results ?? []).map(readListedDestination);
    return showPage(
      c,
      <Page
        title="Live tail"
        viewer={viewerOf(c)}
        here={addresses.tail}
        lead="The newest events and what became of them, looked at anew every five seconds."
      >
        <Filters path={addresses.tail}>
          <TypeField type={query.type} />
          <OrganizationField organization={query.organization} />
        </Filters>
        <p class="tail-bar">
          <button type="button" class="button button-plain" data-pause="tail" hidden>
            Pause
          </button>
          <noscript>
            <a class="button button-plain" href={linkTo(addresses.tail, query)}>
              Look again
            </a>
          </noscript>
        </p>
        <div id="tail" data-live="5">
          <p class="help">
            As of <Time at={world.now()} />
          </p>
          {events.length === 0 ? (
            <EmptyState title="Nothing of this has come yet.">
              <p>
                It will be here within seconds of its coming. To see one now:{" "}
                <code>npm run qonto -- send v1/transactions</code>.
              </p>
            </EmptyState>
          ) : (
            <TailTable events={events} destinations={destinations} />
          )}
        </div>
      </Page>,
    );
  });
}
