import { beforeEach, describe, expect, it } from "vitest";
import type { SampleType } from "../../../src/qonto/sample-event.ts";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { type Answer, ok, statuses, unreachable } from "../support/destinations.ts";
import { read } from "./reading.ts";
import { HOOK, answeringDestination } from "./answering-destination.ts";
import { MOST_CALLS, Visitor, callsOf } from "./visitor.ts";

beforeEach(emptyDatabase);

async function sendAndRun(
  relay: TestRelay,
  type: SampleType = "v1/transactions",
  organization = "org-1",
): Promise<void> {
  await relay.send(makePayload(type, { organization_id: organization }));
  await relay.runQueues();
}

describe("the diagnosis of a destination", () => {
  it("says that it gets its events", async () => {
    const { relay, visitor, path } = await answeringDestination(ok);
    await sendAndRun(relay);
    const text = await read(visitor, path);
    expect(text).toContain("● Healthy Gets its events, the latest at 2026-03-01 12:00:01 UTC.");
    expect(text).toContain("1 succeeded, 0 failed, 0 timed out");
  });

  it("says that no events came", async () => {
    const { visitor, path } = await answeringDestination(ok);
    expect(await read(visitor, path)).toContain("No events yet: none came from Qonto since it was added.");
  });

  it("says that it wants none of the types that came", async () => {
    const { relay, visitor, path } = await answeringDestination(ok, { types: ["v1/transaction"] });
    await sendAndRun(relay);
    const text = await read(visitor, path);
    expect(text).toContain("those that came since it was added have other types: v1/transactions.");
    expect(text).toContain("It wants v1/transaction.");
    expect(text).toContain("Edit settings");
  });

  it("says that it wants other organizations", async () => {
    const { relay, visitor, path } = await answeringDestination(ok, { organizations: ["org-9"] });
    await sendAndRun(relay);
    expect(await read(visitor, path)).toContain(
      "those of its types that came since it was added are of other organizations: org-1. It wants org-9.",
    );
  });

  it("says that it is paused", async () => {
    const { relay, visitor, path } = await answeringDestination(ok, { enabled: false });
    await sendAndRun(relay);
    const text = await read(visitor, path);
    expect(text).toContain("○ Paused Gets no events: paused since");
    expect(text).toMatch(/Resume Send test event Replay missed events/);
  });

  it("says that it missed events while it was paused", async () => {
    const { relay, id, visitor, path } = await answeringDestination(ok, { enabled: false });
    await sendAndRun(relay);
    relay.passSeconds(60);
    await relay.api("PATCH", `/api/destinations/${id}`, { enabled: true });
    const html = await (await visitor.get(path)).text();
    expect(await read(visitor, path)).toContain("Missed events that came while it was paused");
    const replay = /href="([^"]+which=missing[^"]*)"/.exec(html)?.[1]?.replaceAll("&amp;", "&") ?? "";
    expect(await read(visitor, replay)).toContain("1 event to replay");
  });

  it("says that its 410 paused it", async () => {
    const { relay, visitor, path } = await answeringDestination(statuses(410));
    await sendAndRun(relay);
    const text = await read(visitor, path);
    expect(text).toContain("Gets no events: it answered 410 Gone at");
    expect(text).toMatch(/410 after \d+ ms, gone: the destination wants no more events/);
    expect(text).toContain("Resume");
  });

  it("does not blame an old 410 for an operator's pause", async () => {
    const { relay, id, visitor, path } = await answeringDestination(statuses(410));
    await sendAndRun(relay);
    relay.passSeconds(600);
    await relay.api("PATCH", `/api/destinations/${id}`, { enabled: false });
    expect(await read(visitor, path)).toContain("Gets no events: paused since");
  });

  it.each<[string, Answer, string, string]>([
    ["500", statuses(500), ": 500 after", "The fault is in the destination"],
    ["401", statuses(401), ": 401 after", "The destination rejects the signature."],
    ["404", statuses(404), ": 404 after", "There is nothing at this URL"],
    ["302", statuses(302), "a redirect that is not followed", "Change the URL to the target of the redirect."],
    ["unreachable", unreachable, "unreachable: TypeError: Network connection lost.", "Check the URL"],
  ])("says why the last attempt failed: %s", async (_name, answer, said, remedy) => {
    const { relay, visitor, path } = await answeringDestination(answer);
    await sendAndRun(relay);
    const text = await read(visitor, path);
    expect(text).toMatch(/▲ Failing The last attempt failed\. Pending deliveries are retried\./);
    expect(text).toContain(said);
    expect(text).toContain(remedy);
    expect(text).not.toMatch(/\w\.\s?\. /);
    expect(text).toContain("The next attempt is at 2026-03-01 12:00:06 UTC.");
  });

  it("says whether the old secret still signs when it answers 401", async () => {
    const { relay, id, visitor, path } = await answeringDestination(statuses(401));
    await relay.api("POST", `/api/destinations/${id}/rotate-secret`, { overlap_seconds: 60 });
    await sendAndRun(relay);
    expect(await read(visitor, path)).toContain("the old one still signs as well");
    relay.passSeconds(60);
    expect(await read(visitor, path)).toContain("the old one no longer signs");
  });

  it("says that its own rate limit slows it down", async () => {
    const { relay, visitor, path } = await answeringDestination(ok, { max_per_second: 0.01 });
    for (let event = 0; event < 3; event += 1) await sendAndRun(relay);
    relay.passSeconds(61);
    const text = await read(visitor, path);
    expect(text).toContain(
      "◐ Behind Gets its events late: its rate limit is 0.01 a second. 2 pending deliveries take 3 min.",
    );
  });
});

describe("the page of a destination", () => {
  it("answers 404 for an unknown id, as do its actions", async () => {
    const visitor = await Visitor.loggedIn(new TestRelay());
    for (const path of ["", "/edit", "/rotate", "/delete", "/replay?which=all&since=2026-01-01T00:00"]) {
      const response = await visitor.get(`/console/destinations/dst_nobody${path}`);
      expect(response.status).toBe(404);
      expect(await response.text()).toContain("There is no such destination.");
    }
    for (const action of ["test", "pause", "resume", "delete"]) {
      expect((await visitor.press(`/console/destinations/dst_nobody/${action}`)).status).toBe(404);
    }
    const replay = await visitor.press("/console/destinations/dst_nobody/replay", {
      which: "all",
      since: "0",
      until: "1",
    });
    expect(replay.status).toBe(404);
  });

  it("refuses an unknown query with 400", async () => {
    const { visitor, path } = await answeringDestination(ok);
    for (const query of ["?show=none", "?cursor=x", "?other=1"]) {
      expect((await visitor.get(path + query)).status).toBe(400);
    }
    for (const query of ["", "?which=some&since=2026-01-01T00:00", "?which=all", "?which=all&since=yesterday"]) {
      expect((await visitor.get(`${path}/replay${query}`)).status).toBe(400);
    }
  });

  it("takes a blank filter for none", async () => {
    const { visitor, path } = await answeringDestination(ok);
    const html = await (await visitor.get(`${path}?show=`)).text();
    expect(html).toMatch(/aria-current="true"[^>]*>\s*Latest/);
    expect(html).toContain("No deliveries yet.");
  });

  it("lists pending, dead and delivered deliveries, with links to the events", async () => {
    const { relay, visitor, path } = await answeringDestination(statuses(200, 500, 200), {
      retry_schedule_seconds: [],
    });
    await sendAndRun(relay);
    await sendAndRun(relay, "v1/clients");
    relay.destinations.answer(HOOK, () => new Response("IBAN DE89370400440532013000 <b>", { status: 500 }));
    await relay.api("PATCH", path.replace("/console/destinations", "/api/destinations"), {
      retry_schedule_seconds: [600],
    });
    await sendAndRun(relay, "v1/cards");
    const latest = await read(visitor, path);
    for (const type of ["v1/transactions", "v1/clients", "v1/cards"]) expect(latest).toContain(type);
    const pending = await read(visitor, `${path}?show=pending`);
    expect(pending).toMatch(/v1\/cards \S+ just now ◐ Pending next 12:10 UTC 1 500 after/);
    expect(pending).toContain("IBAN DE89 •••• 3000");
    const html = await (await visitor.get(`${path}?show=pending`)).text();
    expect(html).not.toContain("3000 <b>");
    expect(html).not.toContain("DE89370400440532013000");
    const dead = await read(visitor, `${path}?show=dead`);
    expect(dead).toMatch(/v1\/clients \S+ just now ◼ Dead 1 500 after/);
    const delivered = await read(visitor, `${path}?show=delivered`);
    expect(delivered).toMatch(/v1\/transactions \S+ just now ● Delivered 1 200 after/);
    expect(delivered).not.toContain("◼ Dead");
  });

  it.each(["", "pending"])("lists each delivery on exactly one page: %j", async (show) => {
    const { relay, visitor, path } = await answeringDestination(show === "" ? ok : statuses(500));
    for (let event = 0; event < 45; event += 1) await relay.send(makePayload("v1/transactions"));
    await relay.runQueues();
    const seen: string[] = [];
    let next = `${path}?show=${show}`;
    for (let page = 0; next !== ""; page += 1) {
      const html = await (await visitor.get(next)).text();
      seen.push(...Array.from(html.matchAll(/mono nowrap" title="([^"]+)"/g), ([, id = ""]) => id));
      next = (/rel="next" href="([^"]+)"/.exec(html)?.[1] ?? "").replaceAll("&amp;", "&");
      expect(page).toBeLessThan(4);
    }
    expect(seen).toHaveLength(45);
    expect(new Set(seen).size).toBe(45);
  });

  it("escapes a hostile name and a hostile answer", async () => {
    const { relay, visitor, path } = await answeringDestination(
      () => new Response("<script>alert(1)</script>", { status: 500 }),
      {
        description: "</title><script>alert(2)</script>\u202Eevil",
      },
    );
    await sendAndRun(relay);
    for (const page of [
      path,
      `${path}/edit`,
      `${path}/rotate`,
      `${path}/delete`,
      "/console/destinations",
      "/console",
    ]) {
      const html = await (await visitor.get(page)).text();
      expect(html.match(/<script/g)).toHaveLength(1);
    }
  });

  it("costs at most six D1 calls", async () => {
    const { relay, path } = await answeringDestination(statuses(500, 200, 500));
    for (let event = 0; event < 30; event += 1) await sendAndRun(relay);
    const pages = ["", "?show=pending", "?show=dead", "/edit", "/rotate", "/delete"];
    for (const which of ["all", "failed"]) pages.push(`/replay?which=${which}&since=2026-01-01T00:00`);
    for (const page of pages) expect(await callsOf(relay, path + page), page).toBeLessThanOrEqual(MOST_CALLS);
  });
});
