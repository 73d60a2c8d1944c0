import { env } from "cloudflare:workers";
import { Webhook } from "standardwebhooks";
import { beforeEach, describe, expect, it } from "vitest";
import { announceOperationalEvent } from "../../src/announce.ts";
import {
  type OperationalEvent,
  operationalEvent,
  operationalSamples,
  operationalTypes,
} from "../../src/domain/operational-event.ts";
import { realWorld } from "../../src/platform/world.ts";
import { openDatabase } from "../../src/store/database.ts";
import { latestReceipts } from "../../src/store/organizations.ts";
import { recordOperationalEvent } from "../../src/store/operational-events.ts";
import { makePayload } from "../support/qonto.ts";
import { Visitor } from "./console/visitor.ts";
import { read } from "./console/reading.ts";
import { Meter, interceptDatabase, never } from "./support/database.ts";
import { statuses } from "./support/destinations.ts";
import { TestRelay, emptyDatabase } from "./support/relay.ts";
import { database } from "./support/store.ts";

beforeEach(emptyDatabase);

const operations = "https://operations.example.com/hook";
const accounting = "https://accounting.example.com/hook";
const ORGANIZATION = "org-1";

function lost(relay: TestRelay, transition = "con_1_1"): OperationalEvent {
  return operationalEvent("relay.connection.lost", {
    transition,
    organizationId: ORGANIZATION,
    at: relay.now,
    data: operationalSamples["relay.connection.lost"],
  });
}

/** As a caller does: in a transaction, and behind it the message. */
async function tell(relay: TestRelay, event: OperationalEvent): Promise<void> {
  await database.batch([recordOperationalEvent(database, event)]);
  await announceOperationalEvent({ EVENTS: relay.events.binding }, event.id, relay.clock);
}

/** One destination that asks for operational events, and one for everything of Qonto's. */
async function twoDestinations() {
  const relay = new TestRelay();
  const { id, secret } = await relay.addDestination(operations, {
    types: ["relay.*"],
    retry_schedule_seconds: [1, 1],
  });
  await relay.addDestination(accounting);
  return { relay, id, secret };
}

const countEvents = () => env.DB.prepare("SELECT count(*) AS events FROM events").first<number>("events");

describe("an operational event", () => {
  it("reaches those that name it, signed and in the form of Qonto's events, and nobody else", async () => {
    const { relay, secret } = await twoDestinations();
    const event = lost(relay);
    await tell(relay, event);
    await relay.runQueues();
    expect(relay.destinations.received.map(({ url }) => url)).toEqual([operations]);
    const [request] = relay.destinations.received;
    if (request === undefined) throw new Error("Nothing was sent");
    const { text, headers } = request;
    const sentAt = new Date(Number(headers.get("webhook-timestamp")) * 1000);
    expect(headers.get("webhook-signature")).toBe(new Webhook(secret).sign(event.id, sentAt, text));
    expect(JSON.parse(text)).toEqual({
      id: event.id,
      type: "relay.connection.lost",
      organization_id: ORGANIZATION,
      created_at: new Date(relay.now).toISOString(),
      data: operationalSamples["relay.connection.lost"],
    });
    expect(Object.fromEntries(headers)).toMatchObject({
      "webhook-id": event.id,
      "content-type": "application/json",
      "x-relay-event-type": "relay.connection.lost",
      "x-relay-attempt": "1",
      "x-qonto-signature": expect.any(String),
    });
  });

  it("is all that a destination gets which asks for nothing else", async () => {
    const { relay } = await twoDestinations();
    await relay.send(makePayload("v1/cards"));
    await tell(relay, lost(relay));
    await relay.runQueues();
    expect(relay.destinations.at(operations)).toHaveLength(1);
    expect(relay.destinations.at(accounting)).toHaveLength(1);
  });

  it("is retried, dead at the end of the schedule, and can be replayed by itself and with what was missed", async () => {
    const { relay, id } = await twoDestinations();
    relay.destinations.answer(operations, statuses(500, 500, 500, 200));
    const event = lost(relay);
    await tell(relay, event);
    await relay.runQueues();
    await relay.liveThrough(5);
    const { body } = await relay.api("GET", `/api/events/${event.id}`);
    expect(body.deliveries).toMatchObject([{ destination_id: id, status: "dead" }]);
    expect(relay.destinations.at(operations).map(({ headers }) => headers.get("x-relay-attempt"))).toEqual([
      "1",
      "2",
      "3",
    ]);

    await relay.api("POST", `/api/events/${event.id}/replay`);
    await relay.runQueues();
    expect(relay.destinations.at(operations)).toHaveLength(4);
    expect((await relay.api("GET", `/api/events/${event.id}`)).body.state).toBe("settled");

    const late = await relay.addDestination("https://late.example.com/hook", { types: ["relay.connection.*"] });
    const since = new Date(relay.now - 3_600_000).toISOString();
    await relay.api("POST", `/api/destinations/${late.id}/replay`, { since, which: "missing" });
    await relay.runCron();
    await relay.runQueues();
    expect(relay.destinations.at(late.url).map(({ headers }) => headers.get("webhook-id"))).toEqual([event.id]);
  });

  it("is recorded and delivered once, however often its transition is told", async () => {
    const { relay } = await twoDestinations();
    for (const at of [0, 1]) {
      relay.passSeconds(at);
      await tell(relay, lost(relay, "con_1_7"));
      await relay.runQueues();
    }
    expect(await countEvents()).toBe(1);
    expect(relay.destinations.at(operations)).toHaveLength(1);
    const { duplicates } = (await relay.api("GET", "/api/ledger")).body;
    expect(duplicates).toBe(0);

    await tell(relay, lost(relay, "con_1_8"));
    await relay.runQueues();
    expect(relay.destinations.at(operations)).toHaveLength(2);
  });

  it("is recorded only if its transition took place in the same transaction", async () => {
    const relay = new TestRelay();
    await env.DB.prepare("INSERT INTO cron_state (name, value) VALUES ('transition', 0)").run();
    const end = env.DB.prepare("UPDATE cron_state SET value = 1 WHERE name = 'transition' AND value = 0");
    const onlyIf = {
      sql: "changes() = ?13 AND EXISTS (SELECT 1 FROM cron_state WHERE name = ?14)",
      parameters: [1, "transition"],
    };
    const recording = (transition: string) => recordOperationalEvent(database, lost(relay, transition), onlyIf);
    await database.batch([end, recording("first")]);
    await database.batch([end, recording("second")]);
    const { results } = await env.DB.prepare("SELECT id FROM events").all();
    expect(results).toEqual([{ id: "relay_connection_lost_first" }]);

    const refused = env.DB.prepare("INSERT INTO cron_state (name, value) VALUES ('transition', 0)");
    const whole = [recordOperationalEvent(database, lost(relay, "third")), refused];
    await expect(database.batch(whole)).rejects.toThrow("UNIQUE");
    expect(await countEvents()).toBe(1);
  });

  it("costs two rows", async () => {
    const { relay } = await twoDestinations();
    const meter = new Meter();
    const db = openDatabase(interceptDatabase(env.DB, meter.intercept), realWorld);
    await db.batch([recordOperationalEvent(db, lost(relay))]);
    await db.batch([recordOperationalEvent(db, lost(relay))]);
    expect(meter.written).toEqual([{ statement: "INSERT INTO events", rows: 2 }]);
  });

  it.each([
    ["does not answer", () => never],
    ["refuses it", () => Promise.reject(new Error("Queue send failed: overloaded"))],
  ])("is sent on by the recovery scan when the queue %s", async (_title, beforeSend) => {
    const { relay } = await twoDestinations();
    relay.events.beforeSend = beforeSend;
    const before = relay.now;
    await relay.clock.waitFor(tell(relay, lost(relay)));
    // Nobody waits for a queue that hangs.
    expect(relay.now - before).toBeLessThanOrEqual(1_000);
    relay.events.beforeSend = async () => undefined;
    await relay.runQueues();
    expect(relay.destinations.received).toEqual([]);
    relay.passSeconds(60);
    await relay.runCron();
    await relay.runQueues();
    expect(relay.destinations.at(operations)).toHaveLength(1);
  });

  it("is unmatched and listed when nobody names it", async () => {
    const relay = new TestRelay();
    await relay.addDestination(accounting, { types: ["*"] });
    const event = lost(relay);
    await tell(relay, event);
    await relay.runQueues();
    expect(relay.destinations.received).toEqual([]);
    const { body } = await relay.api("GET", "/api/events");
    expect(body.data).toMatchObject([
      { id: event.id, source: "business", type: event.type, organization_id: ORGANIZATION, state: "unmatched" },
    ]);
  });

  it("obeys the filter by organization, if it is about one", async () => {
    const relay = new TestRelay();
    await relay.addDestination(operations, { types: ["relay.*"], organizations: ["org-2"] });
    const ofNone = operationalEvent("relay.source.silent", {
      transition: "1",
      organizationId: null,
      at: relay.now,
      data: operationalSamples["relay.source.silent"],
    });
    for (const event of [lost(relay), ofNone]) await tell(relay, event);
    await relay.runQueues();
    expect(relay.destinations.received.map(({ headers }) => headers.get("webhook-id"))).toEqual([ofNone.id]);
  });

  it("is no longer sent to a destination that has stopped naming it", async () => {
    const { relay, id } = await twoDestinations();
    relay.destinations.answer(operations, statuses(500));
    const event = lost(relay);
    await tell(relay, event);
    await relay.runQueues();
    await relay.api("PATCH", `/api/destinations/${id}`, { types: ["v1/*"] });
    await relay.liveThrough(5);
    expect(relay.destinations.at(operations)).toHaveLength(1);
    expect((await relay.api("GET", `/api/events/${event.id}`)).body.deliveries).toMatchObject([
      { status: "dead", attempts: [{}, { outcome: "filtered" }] },
    ]);
  });

  it("is no state of a resource, and makes no organization known", async () => {
    const { relay } = await twoDestinations();
    await tell(relay, lost(relay));
    await relay.runQueues();
    expect((await env.DB.prepare("SELECT 1 FROM resources").all()).results).toEqual([]);
    expect((await relay.api("GET", "/api/organizations")).body.data).toEqual([]);
    expect((await relay.api("GET", "/api/registrations")).body.data).toEqual([]);
  });

  it("is found by its type or the beginning of it", async () => {
    const { relay } = await twoDestinations();
    await relay.send(makePayload("v1/cards"));
    await tell(relay, lost(relay));
    const visitor = await Visitor.loggedIn(relay);
    const typesBy = async (type: string) => {
      const { body } = await relay.api("GET", `/api/events?type=${encodeURIComponent(type)}`);
      const page = await (await visitor.get(`/console/events?type=${encodeURIComponent(type)}`)).text();
      const shown = Array.from(page.matchAll(/<bdi class="mono">([^<]+)<\/bdi>/g), ([, one]) => one);
      const listed = body.data.map((one: { type: string }) => one.type);
      expect(shown).toEqual(listed);
      return listed;
    };
    expect(await typesBy("relay.*")).toEqual(["relay.connection.lost"]);
    expect(await typesBy("relay.connection.lost")).toEqual(["relay.connection.lost"]);
    expect(await typesBy("v1/*")).toEqual(["v1/cards"]);
    expect(await typesBy("v1/card")).toEqual([]);
    expect(await typesBy("*")).toEqual(["relay.connection.lost", "v1/cards"]);
  });
});

describe("the console", () => {
  it("says in the lists and on its own page what an operational event tells, and that the relay made it", async () => {
    const { relay } = await twoDestinations();
    const event = lost(relay);
    await tell(relay, event);
    await relay.runQueues();
    const visitor = await Visitor.loggedIn(relay);
    for (const path of ["/console/events", "/console/tail"]) {
      expect(await read(visitor, path)).toMatch(
        /Connection to Qonto lost relay\.connection\.lost by the relay Example SAS expired/,
      );
    }
    const page = await read(visitor, `/console/events/${event.id}`);
    expect(page).toContain("Delivered Connection to Qonto lost: Example SAS (expired).");
    expect(page).toContain("Recorded");
    expect(page).toContain("Source The relay itself");
    expect(page).not.toContain("The signature was valid");
    const html = await (await visitor.get(`/console/events/${event.id}`)).text();
    expect(html).toContain(`/organizations/${ORGANIZATION}"`);
    expect(html).not.toContain("/resource?");
  });

  it("has a sentence for each type", async () => {
    const relay = new TestRelay();
    for (const type of operationalTypes) {
      const data = operationalSamples[type];
      await tell(relay, operationalEvent(type, { transition: "1", organizationId: null, at: relay.now, data }));
    }
    const text = await read(await Visitor.loggedIn(relay), "/console/events");
    for (const type of operationalTypes) expect(text).toMatch(new RegExp(`[a-z0-9] ${type} by the relay`));
  });

  it("counts none of them among the events that came", async () => {
    const { relay } = await twoDestinations();
    await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    const visitor = await Visitor.loggedIn(relay);
    const before = await read(visitor, "/console");
    expect(before).toContain("1 received = 1 settled + 0 pending + 0 unmatched + 0 quarantined");
    await tell(relay, lost(relay));
    await relay.runQueues();
    const after = await read(visitor, "/console");
    expect(after).toContain("1 received = 1 settled + 0 pending + 0 unmatched + 0 quarantined");
    const chartOf = (text: string) => /Events, last hour(.*)Requests, last 24 hours/.exec(text)?.[1];
    expect(chartOf(before)).toBeDefined();
    expect(chartOf(after)).toBe(chartOf(before));
  });
});

it("an organization's last event is Qonto's", async () => {
  const { relay } = await twoDestinations();
  await relay.send(makePayload("v1/cards", { organization_id: ORGANIZATION }));
  const receivedAt = relay.now;
  relay.passSeconds(600);
  await tell(relay, lost(relay));
  const { at } = await latestReceipts(database, [ORGANIZATION]);
  expect(at.get(ORGANIZATION)).toBe(receivedAt);
});

it("the traffic that the doctor judges is Qonto's alone", async () => {
  const { relay } = await twoDestinations();
  await relay.send(makePayload("v1/cards"));
  await tell(relay, lost(relay));
  const { body } = await relay.api("GET", "/api/diagnostics");
  expect(body.traffic.map(({ type }: { type: string }) => type)).toEqual(["v1/cards"]);
});
