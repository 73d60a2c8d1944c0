import { z } from "zod";
import type { Attempt } from "../../../domain/delivery.ts";
import type { Counters } from "../../../domain/counters.ts";
import { existingDestination } from "../../../api/actions/destinations.ts";
import { testDestination } from "../../../api/actions/test-destination.ts";
import type { World } from "../../../platform/world.ts";
import { writeCounters } from "../../../write-counters.ts";
import { addresses, destinationAddress } from "../../addresses.ts";
import { Notice, Page } from "../../ui/layout.tsx";
import { destinationName, hostOf } from "../../ui/destination.tsx";
import { type Console, type ConsoleContext, readQuery, viewerOf } from "../../requests.ts";
import { showPage } from "../../show-page.ts";
import { DestinationActions } from "./actions.tsx";
import { Deliveries, deliveriesQuery, readDeliveries } from "./deliveries.tsx";
import { done, sayDone } from "./done.ts";
import { Judgement } from "./judgement.tsx";
import { ReplayForm } from "./replay-form.tsx";
import { Replays } from "./replays.tsx";
import { Settings } from "./settings.tsx";
import { DestinationChart } from "./destination-chart.tsx";
import { readDestinationFigures } from "./destination-figures.ts";
import { Tested } from "./tested.tsx";

const doneWord = z
  .string()
  .refine((word): word is keyof typeof done => Object.hasOwn(done, word), "Is no word of this page");

const query = deliveriesQuery.extend({ done: doneWord.optional() }).strict();

type Asked = z.output<typeof query>;

/** Does this destination get its events? If not: why, and what cures it. */
export function addDestination(pages: Console, world: World, counters: Counters): void {
  pages.get("/destinations/:id", (c) => showDestination(c, c.req.param("id"), readQuery(c, query)));

  // The answer stands on the page itself; it has no address of its own to come back to.
  pages.get("/destinations/:id/test", (c) => c.redirect(destinationAddress(c.req.param("id")), 303));
  pages.post("/destinations/:id/test", async (c) => {
    const id = c.req.param("id");
    return showDestination(c, id, {}, await testDestination(c, world, id));
  });

  async function showDestination(c: ConsoleContext, id: string, asked: Asked, tested?: Attempt): Promise<Response> {
    const now = world.now();
    const destination = await existingDestination(c, id);
    // What this isolate has counted and not written down belongs to it.
    await writeCounters(c.env.DB, counters, now);
    const [figures, listed] = await Promise.all([
      readDestinationFigures(c.env.DB, destination, now),
      readDeliveries(c.env.DB, destination.id, asked),
    ]);
    const viewer = viewerOf(c);
    const listQuery = { show: asked.show, cursor: c.req.query("cursor") };
    return showPage(
      c,
      <Page
        title={destinationName(destination)}
        viewer={viewer}
        here={addresses.destinations}
        lead={hostOf(destination.url)}
      >
        {asked.done === undefined ? null : <Notice kind="ok">{sayDone(asked.done, destination)}</Notice>}
        {tested === undefined ? null : <Tested attempt={tested} destination={destination} now={now} />}
        <div id="destination" data-live={tested === undefined ? "15" : undefined}>
          <Judgement viewer={viewer} figures={figures} />
          <DestinationActions viewer={viewer} destination={destination} />
          <DestinationChart figures={figures} />
          <Deliveries destination={destination} now={now} query={listQuery} listed={listed} />
          <Replays replays={figures.replays} />
        </div>
        <ReplayForm destinationId={destination.id} since={now - DAY_MS} />
        <Settings destination={destination} now={now} />
      </Page>,
    );
  }
}

const DAY_MS = 86_400_000;
