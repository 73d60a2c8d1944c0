import { z } from "zod";
import { cursorOf, encodeCursor } from "../../../api/requests.ts";
import type { Counters } from "../../../domain/counters.ts";
import type { World } from "../../../platform/world.ts";
import { pageOf } from "../../../platform/page.ts";
import { backlogs, readBacklogRow, readRecentRow, recentDeliveries } from "../../../store/destination-deliveries.ts";
import { hostOf } from "../../../domain/destination-name.ts";
import { addresses, newDestinationAddress } from "../../addresses.ts";
import { type Console, readQuery } from "../../requests.ts";
import { showPage } from "../../show-page.tsx";
import {
  type DestinationRow,
  DestinationTable,
  Failing,
  countPaused,
  failingDestinations,
  withBacklogs,
} from "../../ui/destination.tsx";
import { ButtonLink } from "../../ui/form.tsx";
import { Page } from "../../ui/layout.tsx";
import { Names, counted } from "../../ui/values.tsx";
import { EmptyState, Pager } from "../../ui/table.tsx";
import { addDestination } from "./destination.tsx";
import { addDestinationEditing } from "./edit.tsx";
import { addDestinationReplay } from "./replay.tsx";
import { addDestinationRotation } from "./secret.tsx";

const PER_PAGE = 50;

const query = z.strictObject({
  cursor: cursorOf(z.object({ id: z.string() })).optional(),
});

/** Who receives events, whether they arrive, and what an operator can do about it. */
export function addDestinations(pages: Console, world: World, counters: Counters): void {
  pages.get("/destinations", async (c) => {
    const { cursor } = readQuery(c, query);
    const after = cursor?.id ?? "";
    const read = await c.env.DB.batch([recentDeliveries(c.env.DB, after, PER_PAGE + 1), backlogs(c.env.DB)]);
    const [recent = [], backlog = []] = read.map(({ results }) => results);
    const { rows: destinations, next } = pageOf(
      withBacklogs(recent.map(readRecentRow), backlog.map(readBacklogRow)),
      PER_PAGE,
    );
    const isPart = next !== null || cursor !== undefined;
    return showPage(
      c,
      <Page title="Destinations" here={addresses.destinations} failing={failingDestinations(destinations).length}>
        {destinations.length === 0 && cursor === undefined ? (
          <EmptyState title="No destinations yet">
            <a href={newDestinationAddress}>Add the first destination</a>: its URL and the event types it gets.
          </EmptyState>
        ) : (
          <>
            <div class="spread">
              <p class="lead">
                <Lead destinations={destinations} isPart={isPart} />
              </p>
              <ButtonLink href={newDestinationAddress} kind="main">
                Add destination
              </ButtonLink>
            </div>
            <div id="destinations" class="stack" data-live="15">
              <DestinationTable
                destinations={destinations}
                more={[
                  { title: "Host", cell: ({ url }) => <bdi class="mono">{hostOf(url)}</bdi> },
                  {
                    title: "Types",
                    cell: ({ types }) => (types.length === 0 ? "All types" : <Names names={types} most={2} />),
                  },
                ]}
              />
            </div>
          </>
        )}
        <Pager path={addresses.destinations} query={c.req.query()} nextCursor={next && encodeCursor({ id: next.id })} />
      </Page>,
    );
  });
  addDestinationEditing(pages, world, counters);
  addDestination(pages, world, counters);
  addDestinationRotation(pages, world);
  addDestinationReplay(pages, world);
}

interface LeadProps {
  readonly destinations: readonly DestinationRow[];
  /** Whether there are more on other pages. */
  readonly isPart: boolean;
}

/** `3 destinations: Accounting and 1 more are failing. 1 is paused.` */
function Lead({ destinations, isPart }: LeadProps) {
  const paused = countPaused(destinations);
  return (
    <>
      {counted(destinations.length, "destination")}
      {isPart ? " on this page" : ""}: <Failing destinations={destinations} />
      {paused === 0 ? null : ` ${paused} ${paused === 1 ? "is" : "are"} paused.`}
    </>
  );
}
