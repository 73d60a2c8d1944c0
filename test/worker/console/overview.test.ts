import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { failing, interceptDatabase } from "../support/database.ts";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { dropTables, migrate } from "../support/schema.ts";
import { statuses } from "../support/destinations.ts";
import { MOST_CALLS, Visitor, callsOf } from "./visitor.ts";

beforeEach(emptyDatabase);

/** The page without its tags, so that a sentence can be found in it. */
async function read(visitor: Visitor, path = "/console"): Promise<string> {
  const html = await (await visitor.get(path)).text();
  return html.replaceAll(/<[^>]+>/g, " ").replaceAll(/\s+/g, " ");
}

describe("the overview", () => {
  it("says on a database without a table what is missing, what to do, and that events are refused", async () => {
    const relay = new TestRelay();
    await dropTables();
    const text = await read(await Visitor.loggedIn(relay));
    await migrate();
    expect(text).toMatch(/Schema The database lacks \S+\.sql.* Run `npm run deploy`, which applies/);
    expect(text).toContain("Every event is refused until it has them; Qonto sends it again.");
    expect(text).not.toContain("Events are received");
  });

  it("says that there are no destinations yet, and what to do next", async () => {
    const relay = new TestRelay();
    await relay.runCron();
    const text = await read(await Visitor.loggedIn(relay));
    expect(text).toContain("The relay is ready. There are no destinations yet.");
    expect(text).toContain("Add the first destination");
  });

  it("shows the traffic by state and answer, and that the ledger balances", async () => {
    const relay = new TestRelay();
    await relay.runCron();
    await relay.addDestination("https://accounting.example.com/hook", {
      description: "Accounting",
      types: ["v1/transactions"],
    });
    const twice = makePayload("v1/transactions");
    await relay.send(twice);
    await relay.send(twice);
    await relay.send(makePayload("v1/clients"));
    await relay.webhook({ method: "POST", body: "{}" });
    await relay.runQueues();
    const text = await read(await Visitor.loggedIn(relay));
    expect(text).toContain("Events arrive and are delivered.");
    expect(text).toContain("1 delivered, 0 pending, 0 dead, 1 unmatched");
    expect(text).toContain("2 accepted, 1 duplicate, 0 quarantined, 1 refused");
    expect(text).toContain("A stale event counts as refused.");
    expect(text).toContain("2 received = 1 settled + 0 pending + 1 unmatched + 0 quarantined");
    expect(text).toContain("Balanced");
    expect(text).toMatch(/Accounting ● Healthy/);
    expect(text).toMatch(/Acknowledged in ≤ \d+ ms/);
  });

  it("counts a replayed event as pending, though each first attempt at it succeeded", async () => {
    const relay = new TestRelay();
    const destinations = [
      await relay.addDestination("https://one.example.com/hook"),
      await relay.addDestination("https://two.example.com/hook"),
    ];
    const replayed = makePayload("v1/transactions");
    for (const payload of [replayed, makePayload("v1/clients")]) await relay.send(payload);
    await relay.runQueues();
    const visitor = await Visitor.loggedIn(relay);
    expect(await read(visitor)).toContain("2 delivered, 0 pending, 0 dead");
    await relay.api("PATCH", `/api/destinations/${destinations[1]?.id}`, { enabled: false });
    await relay.api("POST", `/api/events/${replayed.id}/replay`, { destination_id: destinations[1]?.id });
    expect(await read(visitor)).toContain("1 delivered, 1 pending, 0 dead");
    await relay.api("DELETE", `/api/destinations/${destinations[1]?.id}`);
    expect(await read(visitor)).toContain("2 delivered, 0 pending, 0 dead");
  });

  it("shows the latest first attempts and the latest deliveries that have been retried as one strip", async () => {
    const relay = new TestRelay();
    await relay.addDestination("https://one.example.com/hook");
    relay.destinations.answer("https://one.example.com/hook", statuses(200, 500, 200));
    for (let event = 0; event < 3; event += 1) {
      await relay.send(makePayload("v1/transactions"));
      await relay.runQueues();
      relay.passSeconds(1);
    }
    const html = await (await (await Visitor.loggedIn(relay)).get("/console")).text();
    expect(html).toContain("2 of the latest 3 delivered; the latest is delivered");
  });

  it("says which destination is failing, since when its deliveries are pending, and how many fail in the tab's title", async () => {
    const relay = new TestRelay();
    await relay.addDestination("https://ledger.example.com/hook", { description: "Ledger" });
    relay.destinations.answer("https://ledger.example.com/hook", statuses(500));
    await relay.send(makePayload("v1/transactions"));
    await relay.runQueues();
    relay.passSeconds(60);
    await relay.runCron();
    const text = await read(await Visitor.loggedIn(relay));
    expect(text).toContain("Events are stored, but Ledger is failing.");
    expect(text).toContain("▲ Failing");
    expect(text).toContain("(1) Overview · Qonto relay");
    expect(text).toContain("1, for 1 min");
  });

  it("counts the paused destinations, those that failed before as well", async () => {
    const relay = new TestRelay();
    await relay.runCron();
    const hooks = [1, 2, 3, 4].map((destination) => `https://destination-${destination}.example.com/hook`);
    const [, , ill = "", gone = ""] = hooks;
    relay.destinations.answer(ill, statuses(500));
    relay.destinations.answer(gone, statuses(410));
    const destinations: { id: string }[] = [];
    for (const hook of hooks) destinations.push(await relay.addDestination(hook));
    await relay.send(makePayload("v1/transactions"));
    await relay.runQueues();
    await relay.api("PATCH", `/api/destinations/${destinations[2]?.id}`, { enabled: false });
    const visitor = await Visitor.loggedIn(relay);
    expect(await read(visitor)).toContain("Events arrive and are delivered. 2 of 4 destinations are paused.");
    expect(await read(visitor, "/console/destinations")).toContain("4 destinations: none is failing. 2 are paused.");
    await relay.api("PATCH", `/api/destinations/${destinations[0]?.id}`, { enabled: false });
    expect(await read(visitor)).toContain("3 of 4 destinations are paused.");
    await relay.api("PATCH", `/api/destinations/${destinations[1]?.id}`, { enabled: false });
    expect(await read(visitor)).toContain("Events are stored, but every destination is paused.");
  });

  it("names the destination whose circuit has been open for longest", async () => {
    const relay = new TestRelay();
    await relay.addDestination("https://ledger.example.com/hook", { description: "Ledger" });
    relay.destinations.answer("https://ledger.example.com/hook", statuses(500));
    await relay.send(makePayload("v1/transactions"));
    await relay.runQueues();
    await env.DB.prepare("UPDATE destinations SET circuit_opened_at = ?1, next_drain_at = ?1").bind(relay.now).run();
    relay.passSeconds(3_700);
    await relay.runCron();
    const text = (await read(await Visitor.loggedIn(relay))).replaceAll(" ,", ",");
    expect(text).toContain("A health check fails. 1 circuit is open: Ledger, for 3700 s.");
    expect(text).toContain("Open circuits 1 circuit is open: Ledger, for 3700 s.");
  });

  it("says in the words of the health which check fails", async () => {
    const text = await read(await Visitor.loggedIn(new TestRelay()));
    expect(text).toContain("A health check fails. The cron has never run.");
  });

  it("shows the health also while D1 says nothing", async () => {
    const relay = new TestRelay();
    relay.env = { ...relay.env, DB: interceptDatabase(env.DB, failing) };
    const response = await (await Visitor.loggedIn(relay)).get("/console");
    expect(response.status).toBe(200);
    const text = await response.text();
    expect(text).toContain("D1 refused a query.");
    expect(text).toContain("D1 does not give the figures now.");
  });

  it("asks D1 six times at most, whatever there is", async () => {
    const relay = new TestRelay();
    for (let destination = 0; destination < 12; destination += 1)
      await relay.addDestination(`https://destination-${destination}.example.com/hook`);
    for (let event = 0; event < 20; event += 1) await relay.send(makePayload("v1/transactions"));
    await relay.runQueues();
    const calls = await callsOf(relay, "/console");
    expect(calls).toBeGreaterThan(0);
    expect(calls).toBeLessThanOrEqual(MOST_CALLS);
  });
});
