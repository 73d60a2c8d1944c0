import { z } from "zod";
import type { Database } from "../../../store/database.ts";
import { cursorOf, encodeCursor } from "../../../api/requests.ts";
import type { World } from "../../../platform/world.ts";
import { backlogs, readBacklogRow } from "../../../store/backlog.ts";
import { readRecentRow, recentDeliveries } from "../../../store/recent-deliveries.ts";
import { addresses, newDestinationAddress } from "../../addresses.ts";
import { EmptyState, Pager } from "../../ui/table.tsx";
import { Notice, Page } from "../../ui/layout.tsx";
import {
  type DestinationRow,
  DestinationLink,
  DestinationTable,
  countPaused,
  failingDestinations,
  hostOf,
} from "../../ui/destination.tsx";
import { type Console, readQuery, viewerOf } from "../../requests.ts";
import { showPage } from "../../show-page.ts";
import { Wanted } from "./wanted.tsx";

const PAGE = 50;

const query = z.strictObject({
  cursor: cursorOf(z.object({ id: z.string() })).optional(),
  done: z.literal("deleted").optional(),
});

/** Who gets events, and does each get its own? */
export function addDestinationList(pages: Console, world: World): void {
  pages.get("/destinations", async (c) => {
    const { cursor, done } = readQuery(c, query);
    const { destinations, nextCursor } = await readDestinations(c.env.DB, cursor?.id ?? "");
    return showPage(
      c,
      <Page title="Destinations" viewer={viewerOf(c)} here={addresses.destinations}>
        {done === undefined ? null : (
          <Notice kind="ok">The destination is gone. What it was still owed has ended as dead.</Notice>
        )}
        {destinations.length === 0 && cursor === undefined ? (
          <EmptyState title="No destination gets events yet.">
            <p>
              <a href={newDestinationAddress}>Add the first destination</a>: its URL and the types of event that it
              wants.
            </p>
          </EmptyState>
        ) : (
          <>
            <div class="lead-line">
              <p class="lead">
                <InWords destinations={destinations} isPart={nextCursor !== null || cursor !== undefined} />
              </p>
              <a class="button button-main" href={newDestinationAddress}>
                Add a destination
              </a>
            </div>
            <div id="destinations" data-live="15">
              <DestinationTable
                destinations={destinations}
                now={world.now()}
                more={[
                  { title: "Host", cell: ({ url }) => <bdi class="mono">{hostOf(url)}</bdi> },
                  { title: "Wants", cell: ({ types }) => <Wanted types={types} /> },
                ]}
              />
            </div>
          </>
        )}
        <Pager path={addresses.destinations} query={{ cursor: c.req.query("cursor") }} nextCursor={nextCursor} />
      </Page>,
    );
  });
}

async function readDestinations(
  db: Database,
  after: string,
): Promise<{ destinations: DestinationRow[]; nextCursor: string | null }> {
  const [recent, backlog] = await db.batch([recentDeliveries(db, after, PAGE + 1), backlogs(db)]);
  const backlogOf = new Map((backlog?.results ?? []).map(readBacklogRow).map((one) => [one.destinationId, one]));
  const rows = (recent?.results ?? []).map(readRecentRow);
  const destinations = rows
    .slice(0, PAGE)
    .map((destination) => ({ ...destination, backlog: backlogOf.get(destination.id) }));
  const last = destinations.at(-1);
  return { destinations, nextCursor: rows.length > PAGE && last !== undefined ? encodeCursor({ id: last.id }) : null };
}

/** Which destination wants a look, in a sentence. */
function InWords({
  destinations,
  isPart,
}: {
  readonly destinations: readonly DestinationRow[];
  readonly isPart: boolean;
}) {
  const [first, ...more] = failingDestinations(destinations);
  const paused = countPaused(destinations);
  const all = destinations.length === 1 ? "the one destination" : `the ${destinations.length} destinations`;
  const where = isPart ? `Of ${all} on this page` : `Of ${all}`;
  return (
    <>
      {where}{" "}
      {first === undefined ? (
        "none fails."
      ) : (
        <>
          <DestinationLink destination={first} />
          {more.length === 0
            ? " does not take what it is owed."
            : ` and ${more.length} more do not take what they are owed.`}
        </>
      )}
      {paused === 0 ? null : ` ${paused === 1 ? "One is" : `${paused} are`} paused.`}
    </>
  );
}
