import { z } from "zod";
import { replayEvent } from "../../../api/actions/replays.ts";
import { ProblemError } from "../../../platform/problem.ts";
import type { World } from "../../../platform/world.ts";
import { searchEvents } from "../../../store/event-search.ts";
import { type Named, findNamed } from "../../../store/id-search.ts";
import { addresses, eventAddress, registrationAddress } from "../../addresses.ts";
import { Page } from "../../ui/layout.tsx";
import { type Console, type ConsoleContext, readForm, readQuery, viewerOf } from "../../requests.ts";
import { showPage } from "../../show-page.ts";
import { EventPage, type Fault } from "./event.tsx";
import { FoundById } from "./found-by-id.tsx";
import { EventList } from "./list.tsx";
import { findOne } from "./one-event.ts";
import { type ListQuery, listQuery, toSearch } from "./search.ts";
import { type Done, done } from "./send-again.tsx";

const shown = z.object({ done: done.optional() });
const named = z.object({ destination_id: z.string() });

/** What came in and what became of it: all of it, and each one. */
export function addEvents(pages: Console, world: World): void {
  pages.get("/events", async (c) => {
    const query = readQuery(c, listQuery);
    const { id } = query;
    const named = id === undefined ? null : await findNamed(c.env.DB, id, query.organization);
    if (id !== undefined && named?.isEvent === true) return c.redirect(eventAddress(id), 303);
    if (id !== undefined && named?.isRegistration === true) return c.redirect(registrationAddress(id), 303);
    const found = await searchEvents(c.env.DB, { ...toSearch(query), ...aboutResource(query, named) });
    return showPage(
      c,
      <Page
        title="Events"
        viewer={viewerOf(c)}
        here={addresses.events}
        lead="What came in, newest first, and what became of it."
      >
        <EventList query={query} events={found.events} next={found.next}>
          {named === null ? null : <FoundById named={named} />}
        </EventList>
      </Page>,
    );
  });

  pages.get("/events/:id", (c) => showEvent(c, world, { done: readQuery(c, shown).done }));

  pages.post("/events/:id/replay", (c) =>
    sendAgain(c, world, async (id) => ((await replayEvent(c, world, id, undefined)) === 0 ? "nobody" : "all")),
  );

  pages.post("/events/:id/replay-to-destination", async (c) => {
    const { destination_id: destination } = await readForm(c, named);
    return sendAgain(c, world, async (id) =>
      (await replayEvent(c, world, id, destination)) === 0 ? "busy" : "destination",
    );
  });
}

/** The key of a resource tells of which type and organization its events are, and its latest one where they end. */
function aboutResource({ id, type, organization, until }: ListQuery, named: Named | null) {
  if (id === undefined) return {};
  const [resource, ...others] = named?.resources ?? [];
  if (resource === undefined || others.length > 0) return { resourceId: id };
  return {
    resourceId: id,
    type: type ?? resource.type,
    organizationId: organization ?? resource.organizationId,
    until: until ?? resource.receivedAt + 1,
  };
}

async function sendAgain(c: ConsoleContext, world: World, send: (id: string) => Promise<Done>): Promise<Response> {
  const id = c.req.param("id") ?? "";
  try {
    return c.redirect(`${eventAddress(id)}?done=${await send(id)}`, 303);
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    const { status, detail } = error.problem;
    return showEvent(c, world, { fault: { status: status === 404 ? 404 : 409, detail } });
  }
}

async function showEvent(
  c: ConsoleContext,
  world: World,
  { done, fault }: { done?: Done | undefined; fault?: Fault },
): Promise<Response> {
  const found = await findOne(c.env.DB, c.req.param("id") ?? "");
  const page = <EventPage found={found} viewer={viewerOf(c)} now={world.now()} done={done} fault={fault} />;
  return showPage(c, page, fault?.status ?? 200);
}
