import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { ADMIN_TOKEN } from "../../support/admin-token.ts";
import { type Payload, makePayload } from "../../support/qonto.ts";
import { type Intercept, interceptDatabase } from "../support/database.ts";
import { ok, statuses } from "../support/destinations.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { endRejectedSql } from "../../../src/store/filtered-deliveries.ts";

/** Destinations with a content filter, on every way that an event can take to one. */

beforeEach(emptyDatabase);

const url = "https://destination.example.com/hook";
const other = "https://other.example.com/hook";
const filter = { "data.side": "credit", "data.amount": { $gte: 1_000 } };
const isLarge = { filter };

const large = () => makePayload("v1/transactions", { data: { side: "credit", amount: 1_000.5 } });
const small = () => makePayload("v1/transactions", { data: { side: "credit", amount: 999.99 } });

const eventOf = async (relay: TestRelay, { id }: Payload) => (await relay.api("GET", `/api/events/${id}`)).body;
const idsAt = (relay: TestRelay, at = url) => relay.destinations.at(at).map(({ headers }) => headers.get("webhook-id"));
const ledgerOf = async (relay: TestRelay) => (await relay.api("GET", "/api/ledger")).body;

async function textOf(relay: TestRelay, path: string): Promise<string> {
  const response = await relay.fetch(path, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
  return response.text();
}

describe("a filter", () => {
  it("is kept and shown with all its digits", async () => {
    const relay = new TestRelay();
    const text = '{"data.id":1234567890123456789,"data.amount":{"$in":[100.00,-0,1e3]},"data.__proto__.x":null}';
    const created = await relay.api("POST", "/api/destinations", `{"url": "${url}", "filter": ${text}}`);
    expect(created.status).toBe(201);
    const path = `/api/destinations/${created.body.id}`;
    expect(await textOf(relay, path)).toContain(`"filter":${text}`);
    expect(await textOf(relay, "/api/audit")).toContain(`"filter":${text}`);
    await relay.api("PATCH", path, { description: "another" });
    expect(await textOf(relay, path)).toContain(`"filter":${text}`);
    await relay.api("PATCH", path, '{"filter": {"a": 12345678901234567890.10}}');
    expect(await textOf(relay, path)).toContain('"filter":{"a":12345678901234567890.10}');
    expect((await relay.api("PATCH", path, { filter: null })).body).toMatchObject({ filter: null });
  });

  it("is refused with the path of each fault", async () => {
    const bad = { "data.amount": { $gte: 1, $like: "x" }, $or: [{ a: [] }] };
    const { status, body } = await new TestRelay().api("POST", "/api/destinations", { url, filter: bad });
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: "invalid_request" });
    expect(body.errors.map(({ path }: { path: string }) => path)).toEqual([
      "filter.data.amount.$like",
      "filter.$or.0.a",
    ]);
  });

  it.each(["credit", [], 7])("is no %j", async (given) => {
    const { status, body } = await new TestRelay().api("POST", "/api/destinations", { url, filter: given });
    expect([status, body.errors[0].path]).toEqual([400, "filter"]);
  });
});

describe("fan-out", () => {
  it("sends what the filter lets pass, and leaves the rest unmatched", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(url, isLarge);
    relay.destinations.answer(url, ok);
    const [passing, rejected] = [large(), small()];
    await relay.send(passing);
    await relay.send(rejected);
    await relay.runQueues();
    expect(idsAt(relay)).toEqual([passing.id]);
    const reason = "filter: data.amount $gte 1000";
    const not_sent_to = [{ destination_id: id, reason }];
    expect(await eventOf(relay, rejected)).toMatchObject({ state: "unmatched", deliveries: [], not_sent_to });
    expect(await eventOf(relay, passing)).toMatchObject({ state: "settled", not_sent_to: [] });
    expect(await ledgerOf(relay)).toMatchObject({ balanced: true, settled: 1, unmatched: 1, pending: 0 });
  });

  it("sends to another destination what a filter rejects", async () => {
    const relay = new TestRelay();
    await relay.addDestination(url, isLarge);
    await relay.addDestination(other);
    const rejected = small();
    await relay.send(rejected);
    await relay.runQueues();
    expect([idsAt(relay), idsAt(relay, other)]).toEqual([[], [rejected.id]]);
    expect(await eventOf(relay, rejected)).toMatchObject({ state: "settled", deliveries: [{ status: "delivered" }] });
  });

  it("compares an id of nineteen digits with all of them", async () => {
    const relay = new TestRelay();
    await relay.api("POST", "/api/destinations", `{"url": "${url}", "filter": {"data.ref": 1234567890123456789}}`);
    const event = (ref: string) =>
      JSON.stringify(makePayload("v1/transactions", { id: `e-${ref}`, data: { ref: 0 } })).replace(
        '"ref":0',
        `"ref":${ref}`,
      );
    for (const ref of ["1234567890123456789", "1234567890123456788"]) await relay.send(event(ref));
    await relay.runQueues();
    expect(idsAt(relay)).toEqual(["e-1234567890123456789"]);
  });

  it("recovers an event that a filter rejects from a consumer that dies at any call of D1", async () => {
    for (let fatal = 1; fatal <= 4; fatal += 1) {
      await emptyDatabase();
      const relay = new TestRelay();
      await relay.addDestination(url, isLarge);
      await relay.addDestination(other);
      const [passing, rejected] = [large(), small()];
      await relay.send(passing);
      await relay.send(rejected);
      let calls = 0;
      const dying: Intercept = async (_call, proceed) => {
        calls += 1;
        if (calls < fatal) return proceed();
        if (calls === fatal) await proceed();
        throw new Error("The consumer has died");
      };
      await relay.runEventsBatch({ DB: interceptDatabase(env.DB, dying) });
      await relay.liveThrough(300);
      for (let minutes = 0; minutes < 30; minutes += 1) {
        await relay.runCron();
        await relay.liveThrough(60);
      }
      expect(new Set(idsAt(relay))).toEqual(new Set([passing.id]));
      expect(new Set(idsAt(relay, other))).toEqual(new Set([passing.id, rejected.id]));
      expect(await ledgerOf(relay)).toMatchObject({ balanced: true, settled: 2, pending: 0, unmatched: 0 });
    }
  });
});

/** A destination without a filter yet, with a large and a small event pending after a failed attempt. */
async function twoPending() {
  const relay = new TestRelay();
  const { id } = await relay.addDestination(url);
  relay.destinations.answer(url, statuses(503, 503, 200));
  const [passing, rejected] = [large(), small()];
  await relay.send(passing);
  await relay.send(rejected);
  await relay.runQueues();
  return { relay, id, path: `/api/destinations/${id}`, passing, rejected };
}

const filtered = { status: "dead", attempts: [{ outcome: "rejected" }, { outcome: "filtered" }] };

describe("a filter that is set while deliveries are pending", () => {
  it("ends those that it rejects at once, and sends the others", async () => {
    const { relay, path, passing, rejected } = await twoPending();
    expect((await relay.api("PATCH", path, isLarge)).status).toBe(200);
    expect(await eventOf(relay, rejected)).toMatchObject({ state: "settled", deliveries: [filtered] });
    await relay.liveThrough(60);
    expect(idsAt(relay).slice(2)).toEqual([passing.id]);
    expect(await ledgerOf(relay)).toMatchObject({ balanced: true, settled: 2, pending: 0 });
  });

  it("lets the next drain end those that it rejects when the request was cut short", async () => {
    const { relay, id, passing, rejected } = await twoPending();
    await env.DB.prepare("UPDATE destinations SET filter = ?2 WHERE id = ?1").bind(id, JSON.stringify(filter)).run();
    await relay.liveThrough(60);
    expect(idsAt(relay).slice(2)).toEqual([passing.id]);
    expect(await eventOf(relay, rejected)).toMatchObject({ deliveries: [filtered] });
    expect(await textOf(relay, "/metrics")).toContain(
      `qonto_relay_deliveries_total{destination_id="${id}",status="dead"} 1`,
    );
  });

  it("are not sent by the drain that has ended them, though the answer of that write was lost", async () => {
    const { relay, id, passing, rejected } = await twoPending();
    await env.DB.prepare("UPDATE destinations SET filter = ?2 WHERE id = ?1").bind(id, JSON.stringify(filter)).run();
    let lost = 0;
    const losing: Intercept = async ({ statements: [sql] }, proceed) => {
      const results = await proceed();
      if (sql !== endRejectedSql || lost > 0) return results;
      lost += 1;
      throw new Error("D1_ERROR: Network connection lost.");
    };
    relay.env = { ...relay.env, DB: interceptDatabase(env.DB, losing) };
    await relay.liveThrough(60);
    expect(lost).toBe(1);
    expect(idsAt(relay).slice(2)).toEqual([passing.id]);
    expect(await eventOf(relay, rejected)).toMatchObject({ deliveries: [filtered] });
  });

  it("do not hold up the others of a destination with a rate limit", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(url, { max_per_second: 1 });
    const [rejected, passing] = [small(), large()];
    await relay.send(rejected);
    await relay.send(passing);
    // Fan-out leaves them to the drains, of which none has run.
    await relay.runEventsBatch();
    await env.DB.prepare("UPDATE destinations SET filter = ?2 WHERE id = ?1").bind(id, JSON.stringify(filter)).run();
    await relay.liveThrough(5);
    expect(idsAt(relay)).toEqual([passing.id]);
    expect(await eventOf(relay, rejected)).toMatchObject({ deliveries: [{ attempts: [{ outcome: "filtered" }] }] });
  });

  it("are attempted after all when the filter is taken away before the drain has ended them", async () => {
    const { relay, id, path, passing, rejected } = await twoPending();
    await env.DB.prepare("UPDATE destinations SET filter = ?2 WHERE id = ?1").bind(id, JSON.stringify(filter)).run();
    const db = interceptDatabase(env.DB, async ({ statements: [sql] }, proceed) => {
      if (sql === endRejectedSql) {
        relay.env = { ...relay.env, DB: env.DB };
        relay.now += 1;
        await env.DB.prepare("UPDATE destinations SET filter = NULL, updated_at = ?2 WHERE id = ?1")
          .bind(id, relay.now)
          .run();
      }
      return proceed();
    });
    relay.env = { ...relay.env, DB: db };
    await relay.liveThrough(200);
    expect(idsAt(relay).slice(2).toSorted()).toEqual([passing.id, rejected.id].toSorted());
    expect((await relay.api("GET", path)).body.filter).toBeNull();
  });

  it("leaves those that an operator asked for by name", async () => {
    const { relay, id, path, rejected } = await twoPending();
    await relay.api("PATCH", path, isLarge);
    await relay.api("POST", `/api/events/${rejected.id}/replay`, { destination_id: id });
    await relay.api("PATCH", path, { filter: { ...filter, "data.currency": "EUR" } });
    await relay.liveThrough(60);
    expect(idsAt(relay).slice(2)).toContain(rejected.id);
    expect(await eventOf(relay, rejected)).toMatchObject({ deliveries: [{ status: "delivered" }] });
  });
});

describe("a replay", () => {
  it.each(["missing", "all"])("of %s makes no delivery of what the filter rejects", async (which) => {
    const relay = new TestRelay();
    const [passing, rejected] = [large(), small()];
    await relay.send(passing);
    await relay.send(rejected);
    await relay.runQueues();
    const { id } = await relay.addDestination(url, isLarge);
    const { status } = await relay.api("POST", `/api/destinations/${id}/replay`, { since: "2000-01-01", which });
    expect(status).toBe(202);
    await relay.runQueues();
    expect(idsAt(relay)).toEqual([passing.id]);
    expect(await eventOf(relay, rejected)).toMatchObject({ state: "unmatched", deliveries: [] });
  });

  it("of failed deliveries leaves what the filter rejects dead", async () => {
    const { relay, id, path, rejected } = await twoPending();
    await relay.api("PATCH", path, isLarge);
    await relay.liveThrough(60);
    await relay.api("POST", `/api/destinations/${id}/replay`, { since: "2000-01-01", which: "failed" });
    await relay.runQueues();
    expect(await eventOf(relay, rejected)).toMatchObject({ deliveries: [filtered] });
  });

  it("of one event goes to those whose filter it passes, and to a destination by name", async () => {
    const relay = new TestRelay();
    const rejected = small();
    await relay.send(rejected);
    await relay.runQueues();
    const { id } = await relay.addDestination(url, isLarge);
    const path = `/api/events/${rejected.id}/replay`;
    expect((await relay.api("POST", path, {})).body).toEqual({ count: 0 });
    expect((await relay.api("POST", path, { destination_id: id })).body).toEqual({ count: 1 });
    await relay.runQueues();
    expect(idsAt(relay)).toEqual([rejected.id]);
  });
});

it("an event says why each destination did not get it", async () => {
  const relay = new TestRelay();
  const sent = large();
  await relay.send(sent);
  await relay.runQueues();
  const reasons: [object, string][] = [
    [{ enabled: false }, "paused"],
    [{ types: ["v1/cards"] }, "types"],
    [{ organizations: ["another"] }, "organizations"],
    [{ filter: { "data.side": { $ne: "credit" } } }, 'filter: data.side $ne "credit"'],
    [isLarge, "matches now: replay the event"],
  ];
  const expected = [];
  for (const [settings, reason] of reasons) {
    expected.push({ destination_id: (await relay.addDestination(url, settings)).id, reason });
  }
  const { not_sent_to } = await eventOf(relay, sent);
  expect(not_sent_to).toHaveLength(expected.length);
  expect(not_sent_to).toEqual(expect.arrayContaining(expected));
});
