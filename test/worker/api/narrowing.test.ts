import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { ADMIN_TOKEN } from "../../support/admin-token.ts";
import { type Intercept, failing, interceptDatabase } from "../support/database.ts";
import { type Payload, makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { ok, statuses } from "../support/destinations.ts";
import { writesDeliveries } from "../../support/deliveries.ts";

/** A destination whose `types` or `organizations` are narrowed while deliveries are pending. */

beforeEach(emptyDatabase);

const url = "https://destination.example.com/hook";

/** Two events, of the organizations `kept` and `cut`, each pending after a failed attempt. */
async function twoPending(settings: object = {}) {
  const relay = new TestRelay();
  const destination = await relay.addDestination(url, settings);
  relay.destinations.answer(url, statuses(503, 503, 200));
  const kept = makePayload("v1/cards", { organization_id: "kept" });
  const cut = makePayload("v1/transactions", { organization_id: "cut" });
  await relay.send(kept);
  await relay.send(cut);
  await relay.runQueues();
  const path = `/api/destinations/${destination.id}`;
  return { relay, destination, path, kept, cut };
}

const eventOf = async (relay: TestRelay, { id }: Payload) => (await relay.api("GET", `/api/events/${id}`)).body;
const deliveryOf = async (relay: TestRelay, payload: Payload) => (await eventOf(relay, payload)).deliveries[0];
const receivedIds = (relay: TestRelay) => relay.destinations.at(url).map(({ headers }) => headers.get("webhook-id"));

const filtered = {
  status: "dead",
  next_attempt_at: null,
  attempts: [
    { attempt: 1, outcome: "rejected", status: 503 },
    { attempt: 1, outcome: "filtered", status: null, duration_ms: 0, response_excerpt: null },
  ],
};

describe("a destination that is narrowed", () => {
  it.each([
    ["organizations", { organizations: ["kept"] }],
    ["types", { types: ["v1/cards"] }],
  ])("by its %s gets the events that it still wants, and no others", async (_title, change) => {
    const { relay, path, kept, cut } = await twoPending();
    expect((await relay.api("PATCH", path, change)).status).toBe(200);
    expect(await eventOf(relay, cut)).toMatchObject({ state: "settled", deliveries: [filtered] });
    await relay.liveThrough(60);
    expect(receivedIds(relay).slice(2)).toEqual([kept.id]);
    expect(await deliveryOf(relay, kept)).toMatchObject({ status: "delivered" });
    expect((await relay.api("GET", "/api/ledger")).body).toMatchObject({ balanced: true, settled: 2, pending: 0 });
  });

  it("counts the deliveries that ended", async () => {
    const { relay, destination, path } = await twoPending();
    await relay.api("PATCH", path, { organizations: ["kept"] });
    const response = await relay.fetch("/metrics", { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
    const text = await response.text();
    expect(text).toContain(`qonto_relay_deliveries_total{destination_id="${destination.id}",status="dead"} 1`);
    expect(text).not.toContain("filtered");
  });

  it("ends pending deliveries also while it is paused; pausing alone ends none", async () => {
    const { relay, path, kept, cut } = await twoPending();
    await relay.api("PATCH", path, { enabled: false });
    expect(await deliveryOf(relay, cut)).toMatchObject({ status: "pending" });
    await relay.api("PATCH", path, { organizations: ["kept"] });
    expect(await deliveryOf(relay, cut)).toMatchObject(filtered);
    expect(await deliveryOf(relay, kept)).toMatchObject({ status: "pending" });
  });

  it("ends deliveries of events without an organization when it names some", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(url);
    relay.destinations.answer(url, statuses(503));
    const payload = makePayload("v1/cards", { organization_id: undefined });
    await relay.send(payload);
    await relay.runQueues();
    await relay.api("PATCH", `/api/destinations/${id}`, { organizations: ["kept"] });
    expect(await deliveryOf(relay, payload)).toMatchObject({ status: "dead" });
  });

  it("gets nothing by being widened again; a replay then continues the attempt numbers", async () => {
    const { relay, destination, path, cut } = await twoPending();
    await relay.api("PATCH", path, { organizations: ["kept"] });
    await relay.api("PATCH", path, { organizations: null });
    await relay.liveThrough(60);
    expect(receivedIds(relay).slice(2)).not.toContain(cut.id);
    await relay.api("POST", `/api/events/${cut.id}/replay`, { destination_id: destination.id });
    await relay.runQueues();
    expect(relay.destinations.received.at(-1)?.headers.get("x-relay-attempt")).toBe("2");
    expect((await deliveryOf(relay, cut)).attempts).toMatchObject([
      { attempt: 1, outcome: "rejected" },
      { attempt: 1, outcome: "filtered" },
      { attempt: 2, outcome: "delivered" },
    ]);
  });

  it("does not get unwanted events by a replay of failed ones until it wants them again", async () => {
    const { relay, path, cut } = await twoPending();
    await relay.api("PATCH", path, { organizations: ["kept"] });
    await relay.liveThrough(60);
    const replay = { since: "2020-01-01T00:00:00Z", which: "failed" };
    expect((await relay.api("POST", `${path}/replay`, replay)).body.count).toBe(0);
    await relay.api("PATCH", path, { organizations: ["kept", "cut"] });
    expect((await relay.api("POST", `${path}/replay`, replay)).body.count).toBe(1);
    await relay.runQueues();
    expect(await deliveryOf(relay, cut)).toMatchObject({ status: "delivered" });
  });

  it("keeps earlier deliveries as delivered through a replay", async () => {
    const { relay, path, cut } = await twoPending();
    await relay.liveThrough(60);
    relay.destinations.answer(url, statuses(503));
    await relay.api("POST", `${path}/replay`, { since: "2020-01-01T00:00:00Z", which: "all" });
    await relay.runQueues();
    expect(await deliveryOf(relay, cut)).toMatchObject({ status: "pending" });
    await relay.api("PATCH", path, { organizations: ["kept"] });
    expect(await deliveryOf(relay, cut)).toMatchObject({ status: "delivered", next_attempt_at: null });
  });
});

describe("an event that a destination does not want", () => {
  it("is sent to it when an operator names it, also on a retry and after another narrowing", async () => {
    const { relay, destination, path, cut } = await twoPending({ retry_schedule_seconds: [30, 30, 30] });
    await relay.api("PATCH", path, { organizations: ["kept"] });
    await relay.liveThrough(60);
    relay.destinations.answer(url, statuses(503, 200));
    await relay.api("POST", `/api/events/${cut.id}/replay`, { destination_id: destination.id });
    await relay.runQueues();
    expect(await deliveryOf(relay, cut)).toMatchObject({ status: "pending" });
    await relay.api("PATCH", path, { types: ["v1/cards"] });
    expect(await deliveryOf(relay, cut)).toMatchObject({ status: "pending" });
    await relay.liveThrough(60);
    expect(await deliveryOf(relay, cut)).toMatchObject({ status: "delivered" });
  });

  it("is not sent by a later replay that does not name the destination", async () => {
    const { relay, destination, path, cut } = await twoPending({ retry_schedule_seconds: [] });
    await relay.api("PATCH", path, { organizations: ["kept"] });
    relay.destinations.answer(url, statuses(503));
    await relay.api("POST", `/api/events/${cut.id}/replay`, { destination_id: destination.id });
    await relay.liveThrough(60);
    expect(await deliveryOf(relay, cut)).toMatchObject({ status: "dead" });
    await env.DB.prepare("UPDATE destinations SET organizations = NULL").run();
    await relay.api("POST", `${path}/replay`, { since: "2020-01-01T00:00:00Z", which: "failed" });
    await env.DB.prepare(`UPDATE destinations SET organizations = '["kept"]'`).run();
    const before = relay.destinations.received.length;
    await relay.liveThrough(60);
    expect(relay.destinations.received.slice(before).map(({ headers }) => headers.get("webhook-id"))).not.toContain(
      cut.id,
    );
    expect((await deliveryOf(relay, cut)).attempts.at(-1)).toMatchObject({ outcome: "filtered" });
  });

  it("is ended by the next drain when a fan-out wrote it from an older reading of the destination", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(url);
    relay.destinations.answer(url, statuses(503, 200));
    const payload = makePayload("v1/cards", { organization_id: "cut" });
    await relay.send(payload);
    const { DB } = relay.env;
    const atWrite: Intercept = async ({ statements }, proceed) => {
      if (statements.some(writesDeliveries)) {
        relay.env = { ...relay.env, DB };
        await relay.api("PATCH", `/api/destinations/${id}`, { organizations: ["kept"] });
      }
      return proceed();
    };
    await relay.runEventsBatch({ DB: interceptDatabase(DB, atWrite) });
    expect(await deliveryOf(relay, payload)).toMatchObject({ status: "pending" });
    await relay.liveThrough(60);
    expect(relay.destinations.at(url)).toHaveLength(1);
    expect(await deliveryOf(relay, payload)).toMatchObject(filtered);
    expect((await relay.api("GET", "/api/ledger")).body).toMatchObject({ balanced: true, settled: 1 });
  });

  it("does not hold up the events that the destination wants", async () => {
    const relay = new TestRelay();
    await relay.addDestination(url, { max_per_second: 1 });
    for (let count = 0; count < 3; count += 1) await relay.send(makePayload("v1/cards", { organization_id: "cut" }));
    await relay.send(makePayload("v1/cards", { organization_id: "kept" }));
    await relay.runEventsBatch();
    await env.DB.prepare(`UPDATE destinations SET organizations = '["kept"]'`).run();
    await relay.liveThrough(10);
    expect(relay.destinations.at(url)).toHaveLength(1);
    expect((await relay.api("GET", "/api/deliveries?status=pending")).body.data).toEqual([]);
  });
});

/** Many pending deliveries; every second one is of the organization `cut`. */
async function fill(destinationId: string, many: number): Promise<void> {
  const numbers = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${many})`;
  await env.DB.batch([
    env.DB.prepare(
      `INSERT INTO events (id, source, type, organization_id, received_at, queued_at, recipients, body)
       ${numbers} SELECT 'e' || i, 'business', 'v1/cards', iif(i % 2, 'cut', 'kept'), i, i, json_object(?1, NULL), '{}' FROM n`,
    ).bind(destinationId),
    env.DB.prepare(
      `INSERT INTO deliveries (destination_id, received_at, event_id, status, attempts, next_attempt_at)
       ${numbers} SELECT ?1, i, 'e' || i, 'pending', '[]', 5 FROM n`,
    ).bind(destinationId),
  ]);
}

const countOf = async (status: string) =>
  (await env.DB.prepare("SELECT count(*) AS many FROM deliveries WHERE status = ?1").bind(status).first("many")) ?? 0;

describe("ten thousand pending deliveries", () => {
  it("are ended in pages of one D1 call each", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(url, { enabled: false });
    await fill(id, 10_000);
    let pages = 0;
    const DB = interceptDatabase(env.DB, ({ statements }, proceed) => {
      if (statements.some((sql) => sql.includes("'filtered'"))) pages += 1;
      return proceed();
    });
    relay.env = { ...relay.env, DB };
    await relay.api("PATCH", `/api/destinations/${id}`, { organizations: ["kept"] });
    expect(pages).toBe(41);
    expect(await countOf("dead")).toBe(5_000);
    expect(await countOf("pending")).toBe(5_000);
  });

  it("are all ended when a change that was cut short is repeated", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(url, { enabled: false });
    await fill(id, 3_000);
    let pages = 0;
    const DB = interceptDatabase(env.DB, (call, proceed) => {
      const isPage = call.statements.some((sql) => sql.includes("'filtered'"));
      if (isPage) pages += 1;
      return isPage && pages === 2 ? failing(call, proceed) : proceed();
    });
    relay.env = { ...relay.env, DB };
    expect((await relay.api("PATCH", `/api/destinations/${id}`, { organizations: ["kept"] })).status).toBe(500);
    expect(await countOf("dead")).toBe(125);
    await relay.api("PATCH", `/api/destinations/${id}`, { organizations: ["kept"] });
    expect(await countOf("dead")).toBe(1_500);
  });
});

describe("a destination that is removed", () => {
  it("leaves deliveries that say why they ended", async () => {
    const { relay, path, cut } = await twoPending();
    relay.destinations.answer(url, ok);
    await relay.api("DELETE", path);
    expect(await eventOf(relay, cut)).toMatchObject({
      state: "settled",
      deliveries: [{ status: "dead", attempts: [{ outcome: "rejected" }, { attempt: 1, outcome: "removed" }] }],
    });
  });
});
