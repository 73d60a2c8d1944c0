import { beforeEach, describe, expect, it } from "vitest";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { statuses } from "../support/destinations.ts";
import { read } from "./reading.ts";
import { MOST_CALLS, Visitor, callsOf } from "./visitor.ts";

beforeEach(emptyDatabase);

const tail = "/console/tail";

describe("the live tail", () => {
  it("says what to do before the first event", async () => {
    expect(await read(await Visitor.loggedIn(new TestRelay()), tail)).toContain("No events yet");
  });

  it("shows the newest fifty, each delivery, dead ones first, and as of when", async () => {
    const relay = new TestRelay();
    await relay.addDestination("https://well.example.com/hook", { description: "Well", types: ["v1/cards"] });
    await relay.addDestination("https://ill.example.com/hook", { description: "Ill", types: ["v1/cards"] });
    relay.destinations.answer("https://ill.example.com/hook", statuses(500));
    for (let made = 0; made < 55; made += 1) await relay.send(makePayload("v1/clients"));
    await relay.runQueues();
    relay.passSeconds(1);
    await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    relay.passSeconds(1);
    await relay.send(makePayload("v1/transactions"));
    const visitor = await Visitor.loggedIn(relay);
    const text = await read(visitor, tail);
    expect(text).toMatch(/As of 2026-03-01 12:00:02 UTC.*Transaction created.*Pending.*v1\/cards/);
    expect(text).toContain("◐ Pending Ill 500 ● Delivered Well 200");
    expect(text).toContain("○ Unmatched");
    expect((await (await visitor.get(tail)).text()).split("data-key=")).toHaveLength(51);
  });

  it("can be narrowed by type and organization, and refreshed without JavaScript", async () => {
    const relay = new TestRelay();
    const wanted = makePayload("v1/cards", { organization_id: "o1" });
    for (const payload of [
      wanted,
      makePayload("v1/cards", { organization_id: "o2" }),
      makePayload("v1/clients", { organization_id: "o1" }),
    ]) {
      await relay.send(payload);
    }
    const visitor = await Visitor.loggedIn(relay);
    const html = await (await visitor.get(`${tail}?type=v1%2Fcards&organization=o1`)).text();
    expect(html.split("data-key=")).toHaveLength(2);
    expect(html).toContain(`data-key="${wanted.id}"`);
    expect(html).toMatch(/<noscript><a[^>]*href="\/console\/tail\?type=v1%2Fcards&amp;organization=o1"[^>]*>Refresh/);
  });

  it("finds nothing of a type that is longer than any", async () => {
    const visitor = await Visitor.loggedIn(new TestRelay());
    expect(await read(visitor, `${tail}?type=${"x".repeat(300)}`)).toContain("No matching events yet");
  });

  it("names a destination that has been removed by its id", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination("https://destination.example.com/hook");
    await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    await relay.api("DELETE", `/api/destinations/${id}`);
    expect(await (await (await Visitor.loggedIn(relay)).get(tail)).text()).toContain(`title="${id}"`);
  });

  it("costs few D1 calls, whatever there is", async () => {
    const relay = new TestRelay();
    for (let destination = 0; destination < 12; destination += 1)
      await relay.addDestination(`https://destination-${destination}.example.com/hook`);
    for (let event = 0; event < 60; event += 1) await relay.send(makePayload("v1/transactions"));
    await relay.runQueues();
    const calls = await callsOf(relay, `${tail}?type=v1%2Ftransactions`);
    expect(calls).toBeGreaterThan(0);
    expect(calls).toBeLessThanOrEqual(2);
    expect(calls).toBeLessThan(MOST_CALLS);
  });
});
