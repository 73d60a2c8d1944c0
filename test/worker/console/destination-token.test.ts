import { beforeEach, describe, expect, it } from "vitest";
import { operatorConsole } from "../../../src/console/console.tsx";
import { Counters } from "../../../src/domain/counters.ts";
import { realWorld } from "../../../src/platform/world.ts";
import { makePayload } from "../../support/qonto.ts";
import { statuses } from "../support/destinations.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { Visitor } from "./visitor.ts";

beforeEach(emptyDatabase);

const own = "https://own.example.com/hook";
const other = "https://other.example.com/hook";

const REFUSAL = "This token is for one destination, and this is not part of it.";

/** Two destinations with an event each, and a visitor with the token of the first. */
async function visitorOfOne() {
  const relay = new TestRelay();
  const mine = await relay.addDestination(own, { types: ["v1/cards"], description: "Accounting" });
  const theirs = await relay.addDestination(other, { types: ["v1/transactions"], description: "Treasury" });
  const [event, otherEvent] = [makePayload("v1/cards"), makePayload("v1/transactions")];
  await relay.send(event);
  await relay.send(otherEvent);
  await relay.runQueues();
  const input = { name: "books", access: "destination", destination_id: mine.id };
  const { token } = (await relay.api("POST", "/api/tokens", input)).body;
  const visitor = await Visitor.loggedIn(relay, token);
  const page = `/console/destinations/${mine.id}`;
  /** Sends a form with the token that is in the visitor's forms. */
  const press = (path: string, fields: Record<string, string> = {}) => visitor.press(path, fields, page);
  return { relay, mine, theirs, event, otherEvent, visitor, page, press };
}

type Scene = Awaited<ReturnType<typeof visitorOfOne>>;

/** Every page and form behind the login: new ones are among them. */
const routes = operatorConsole(realWorld, new Counters())
  .routes.filter(({ method, path }) => ["GET", "POST"].includes(method) && !path.includes("*"))
  .map(({ method, path }) => ({ title: `${method} ${path.replace("/console", "")}`, method, path }))
  .filter(({ path }) => !/\.(css|svg|js)$|\/login$|\/qonto\/callback$/.test(path));

/** The address of a route on what is the visitor's own, or another destination's. */
function addressOf(path: string, { mine, theirs, event, otherEvent }: Scene, whose: "own" | "other"): string {
  const [destination, ofEvent] = whose === "own" ? [mine, event] : [theirs, otherEvent];
  return path
    .replace("/destinations/:id", `/destinations/${destination.id}`)
    .replace("/events/:id", `/events/${ofEvent.id}`)
    .replaceAll(/:\w+/g, "none");
}

const open = [
  "GET ",
  "GET /destinations/:id",
  "GET /destinations/:id/replay",
  "GET /destinations/:id/rotate",
  "GET /destinations/:id/test",
  "GET /events/:id",
  "POST /destinations/:id/replay",
  "POST /destinations/:id/rotate",
  "POST /destinations/:id/test",
  "POST /events/:id/replay-to-destination",
  "POST /logout",
];

describe("the console, to the token of a destination", () => {
  it("opens nothing but what is named here, and nothing of another destination", async () => {
    expect(routes.length).toBeGreaterThan(40);
    const scene = await visitorOfOne();
    const { relay, theirs, otherEvent, visitor, press } = scene;
    const before = (await relay.api("GET", `/api/destinations/${theirs.id}`)).body;
    const received = relay.destinations.at(other).length;
    const opened: string[] = [];
    const use = async (method: string, path: string) => {
      if (method === "GET") return visitor.get(path);
      return press(path, { destination_id: path.includes(otherEvent.id) ? theirs.id : scene.mine.id });
    };
    // The last form ends the session.
    for (const { title, method, path } of routes.toSorted(
      (a, b) => Number(a.path === "/console/logout") - Number(b.path === "/console/logout"),
    )) {
      if (path.includes("/destinations/:id") || path.includes("/events/:id")) {
        const onOther = await use(method, addressOf(path, scene, "other"));
        expect([onOther.status, (await onOther.text()).includes(REFUSAL)], title).toEqual([403, true]);
      }
      const onOwn = await use(method, addressOf(path, scene, "own"));
      const text = await onOwn.text();
      if (onOwn.status !== 403) opened.push(title);
      else expect(text, title).toContain(REFUSAL);
      for (const foreign of [theirs.id, otherEvent.id, "Treasury", "v1/transactions"]) {
        expect(text, title).not.toContain(foreign);
      }
    }
    expect(opened.toSorted()).toEqual(open);
    await relay.liveThrough(60);
    expect((await relay.api("GET", `/api/destinations/${theirs.id}`)).body).toEqual(before);
    expect(relay.destinations.at(other)).toHaveLength(received);
  });

  it("answers for an unknown id as for another destination's, and for an address without a page", async () => {
    const { theirs, otherEvent, visitor } = await visitorOfOne();
    const texts = new Set<string>();
    for (const path of [
      `/console/destinations/${theirs.id}`,
      "/console/destinations/none",
      `/console/events/${otherEvent.id}`,
      "/console/events/none",
      "/console/no-such-page",
    ]) {
      const response = await visitor.get(path);
      expect(response.status, path).toBe(403);
      texts.add(await response.text());
    }
    expect(texts.size).toBe(1);
  });

  it("begins with its destination, which is all that the navigation has beside the documentation", async () => {
    const { visitor, page } = await visitorOfOne();
    const start = await visitor.get("/console");
    expect([start.status, start.headers.get("location")]).toEqual([303, page]);
    const html = await (await visitor.get(page)).text();
    const navigation = /<nav class="nav".*?<\/nav>/s.exec(html)?.[0] ?? "";
    expect(Array.from(navigation.matchAll(/href="([^"]+)"/g), ([, href]) => href)).toEqual([page, "/docs"]);
    expect(html).toContain(" · token · one destination");
  });

  it("links and offers nothing that it would refuse", async () => {
    const { visitor, page, event, press } = await visitorOfOne();
    const replay = `${page}/replay?which=all&since=2026-01-01T00:00`;
    const pages = [page, `${page}?show=delivered`, `${page}/rotate`, replay, `/console/events/${event.id}`];
    const refused = await (await visitor.get("/console/audit")).text();
    const texts = await Promise.all(pages.map(async (one) => (await visitor.get(one)).text()));
    const html = [refused, ...texts].join("\n");
    const links = [...new Set(Array.from(html.matchAll(/href="(\/console[^"#]*)/g), ([, href = ""]) => href))];
    const forms = [...new Set(Array.from(html.matchAll(/method="post" action="([^"]+)"/g), ([, to = ""]) => to))];
    expect(links.length).toBeGreaterThan(5);
    expect(forms.toSorted()).toEqual(
      [
        "/console/logout",
        `${page}/replay`,
        `${page}/rotate`,
        `${page}/test`,
        `/console/events/${event.id}/replay-to-destination`,
      ].toSorted(),
    );
    for (const link of links) expect((await visitor.get(link.replaceAll("&amp;", "&"))).status, link).toBeLessThan(400);
    expect(html).not.toContain("disabled");
    expect((await press("/console/logout")).status).toBe(303);
  });

  it("tests, rotates and replays its destination", async () => {
    const { relay, mine, event, visitor, page, press } = await visitorOfOne();
    expect(await (await press(`${page}/test`)).text()).toContain("The test event was delivered");
    const updated =
      /name="updated_at" value="(\d+)"/.exec(await (await visitor.get(`${page}/rotate`)).text())?.[1] ?? "";
    const rotated = await press(`${page}/rotate`, { overlap_seconds: "3600", updated_at: updated });
    expect(await rotated.text()).toContain("whsec_");
    const replayed = await press(`${page}/replay`, { which: "all", since: "0", until: String(relay.now + 1) });
    expect(replayed.status).toBe(303);
    await relay.liveThrough(60);
    expect(relay.destinations.at(own)).toHaveLength(3);
    const one = await press(`/console/events/${event.id}/replay-to-destination`, { destination_id: mine.id });
    expect(one.headers.get("location")).toContain("done=event-replayed-to-destination");
    await relay.runQueues();
    expect(relay.destinations.at(own)).toHaveLength(4);
    expect(relay.destinations.at(other)).toHaveLength(1);
  });

  it("sends an event of its own to no other destination", async () => {
    const { relay, event, theirs, press } = await visitorOfOne();
    const response = await press(`/console/events/${event.id}/replay-to-destination`, { destination_id: theirs.id });
    expect(response.status).toBe(403);
    await relay.liveThrough(60);
    expect(relay.destinations.at(other)).toHaveLength(1);
  });

  it("shows of an event its own delivery, and not that others have it", async () => {
    const { relay, mine, theirs, visitor } = await visitorOfOne();
    await relay.api("PATCH", `/api/destinations/${theirs.id}`, { types: [] });
    relay.destinations.answer(other, statuses(500));
    const shared = makePayload("v1/cards");
    await relay.send(shared);
    await relay.runQueues();
    const html = await (await visitor.get(`/console/events/${shared.id}`)).text();
    expect(html).toContain("Its one delivery is delivered.");
    expect(html).toContain("To one destination.");
    expect(html).toContain(mine.id);
    expect(html).not.toContain(theirs.id);
    expect(html).not.toContain("Treasury");
  });

  it("does not say what comes for others while nothing comes for it", async () => {
    const { relay, mine, visitor, page } = await visitorOfOne();
    await relay.api("PATCH", `/api/destinations/${mine.id}`, { types: ["v1/invoices"] });
    relay.passSeconds(2 * 86_400);
    const again = await Visitor.loggedIn(
      relay,
      (await relay.api("POST", "/api/tokens", { name: "again", access: "destination", destination_id: mine.id })).body
        .token,
    );
    await relay.send(makePayload("v1/transactions"));
    await relay.runQueues();
    expect((await visitor.get(page)).headers.get("location")).toContain("/console/login");
    const html = await (await again.get(page)).text();
    expect(html).toContain("No events yet: none came for it");
    expect(html).not.toContain("v1/transactions");
  });

  it("ends when the destination is deleted", async () => {
    const { relay, mine, visitor, page } = await visitorOfOne();
    await relay.api("DELETE", `/api/destinations/${mine.id}`);
    expect((await visitor.get(page)).headers.get("location")).toContain("/console/login");
  });
});
