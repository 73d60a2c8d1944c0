import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { ADMIN_TOKEN } from "../../support/admin-token.ts";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { type Answer, hang, ok, statuses } from "../support/destinations.ts";
import { everyDeliverySql } from "../../support/deliveries.ts";

beforeEach(emptyDatabase);

const destination = "https://destination.example.com/hook";
const other = "https://other.example.com/hook";

async function healthOf(relay: TestRelay, id: string) {
  return (await relay.api("GET", `/api/destinations/${id}`)).body.health;
}

/** A try every three seconds for a minute, then every ten: longer than a test goes on. */
const LONG_SCHEDULE = { retry_schedule_seconds: [...Array(20).fill(3), ...Array(30).fill(10)] };

async function sendOne(relay: TestRelay): Promise<string> {
  const payload = makePayload("v1/cards");
  await relay.send(payload);
  await relay.runQueues();
  return payload.id;
}

/** A relay with a destination that has failed until its circuit opened. */
async function relayWithOpenCircuit(settings: object = LONG_SCHEDULE, answer: Answer = statuses(500)) {
  const relay = new TestRelay();
  const { id } = await relay.addDestination(destination, settings);
  relay.destinations.answer(destination, answer);
  const first = await sendOne(relay);
  await relay.liveThrough(60);
  expect(await healthOf(relay, id)).toMatchObject({ state: "failing", circuit_opened_at: expect.any(String) });
  return { relay, id, first };
}

const receivedIds = (relay: TestRelay, from = 0) =>
  relay.destinations
    .at(destination)
    .slice(from)
    .map(({ headers }) => headers.get("webhook-id"));

describe("a destination that keeps failing", () => {
  it("is attempted on its retry schedule for a minute, and then its circuit opens", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(destination, LONG_SCHEDULE);
    relay.destinations.answer(destination, statuses(500));
    await sendOne(relay);
    await relay.liveThrough(59);
    expect(relay.destinations.at(destination)).toHaveLength(20);
    expect((await healthOf(relay, id)).circuit_opened_at).toBeNull();
    await relay.liveThrough(1);
    expect(relay.destinations.at(destination)).toHaveLength(21);
    expect(await healthOf(relay, id)).toMatchObject({
      circuit_opened_at: new Date(relay.now).toISOString(),
      next_probe_at: new Date(relay.now + 5_000).toISOString(),
    });
  });

  it("has dead deliveries, as its retry schedule says, when that ends before", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination, { retry_schedule_seconds: [1, 1] });
    relay.destinations.answer(destination, statuses(500));
    for (let count = 0; count < 20; count += 1) await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    await relay.liveThrough(4);
    const { results } = await env.DB.prepare("SELECT DISTINCT status, step FROM deliveries").all();
    expect(results).toEqual([{ status: "dead", step: 2 }]);
    expect(relay.destinations.at(destination)).toHaveLength(60);
  });

  it("has its circuit opened sooner when attempts time out", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(destination, { ...LONG_SCHEDULE, timeout_ms: 100 });
    relay.destinations.answer(destination, hang);
    await sendOne(relay);
    await relay.liveThrough(22);
    expect((await healthOf(relay, id)).circuit_opened_at).not.toBeNull();
  });
});

describe("while a circuit is open", () => {
  it("deliveries are pending without an attempt, and other destinations are not affected", async () => {
    const { relay } = await relayWithOpenCircuit();
    await relay.addDestination(other);
    const before = { attempts: relay.destinations.at(destination).length, messages: relay.retries.sent.length };
    await relay.sendTogether(Array.from({ length: 20 }, () => makePayload("v1/cards")));
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(before.attempts);
    // One, for the next probe: should that be made before these are written down, they must not be lost.
    expect(relay.retries.sent).toHaveLength(before.messages + 1);
    expect(relay.destinations.at(other)).toHaveLength(20);
  });

  it("the destination gets a single attempt as a probe after 5, 10, 20, 40, 60, 60, … seconds, without end", async () => {
    const { relay } = await relayWithOpenCircuit();
    for (let count = 0; count < 5; count += 1) await sendOne(relay);
    const from = relay.now;
    const before = relay.destinations.at(destination).length;
    await relay.liveThrough(300);
    const probes = relay.destinations.at(destination).slice(before);
    expect(probes.map(({ at }) => (at - from) / 1000)).toEqual([5, 15, 35, 75, 135, 195, 255]);
  });

  it("a probe is an attempt of its delivery like any other, and the other deliveries use up no step", async () => {
    const { relay } = await relayWithOpenCircuit();
    for (let count = 0; count < 3; count += 1) await sendOne(relay);
    const steps = async () => {
      const { results } = await env.DB.prepare("SELECT step FROM deliveries ORDER BY step DESC").all();
      return results.map(({ step }) => step);
    };
    expect(await steps()).toEqual([21, 0, 0, 0]);
    await relay.liveThrough(5);
    expect(await steps()).toEqual([21, 1, 0, 0]);
    await relay.liveThrough(10);
    expect((await steps()).reduce<number>((sum, step) => sum + Number(step), 0)).toBe(23);
  });

  it("a probe can be the last attempt of its delivery, which is dead then, and the next probe is another delivery's", async () => {
    const { relay, first } = await relayWithOpenCircuit();
    const short = { retry_schedule_seconds: [] };
    const { body } = await relay.api("GET", "/api/destinations");
    await relay.api("PATCH", `/api/destinations/${body.data[0].id}`, short);
    const later = await sendOne(relay);
    await relay.liveThrough(35);
    for (const id of [first, later]) {
      expect((await relay.api("GET", `/api/events/${id}`)).body.deliveries[0].status).toBe("dead");
    }
  });

  it("one event that always fails does not keep the circuit open", async () => {
    const { relay, id, first } = await relayWithOpenCircuit();
    const later = await sendOne(relay);
    relay.destinations.answer(
      destination,
      ({ headers }) => new Response(null, { status: headers.get("webhook-id") === first ? 500 : 200 }),
    );
    await relay.liveThrough(15);
    expect(receivedIds(relay)).toContain(later);
    expect((await healthOf(relay, id)).circuit_opened_at).toBeNull();
  });

  it("a Retry-After delays the next probe", async () => {
    const { relay, id } = await relayWithOpenCircuit();
    relay.destinations.answer(
      destination,
      () => new Response(null, { status: 503, headers: { "retry-after": "600" } }),
    );
    await sendOne(relay);
    await relay.liveThrough(5);
    expect((await healthOf(relay, id)).next_probe_at).toBe(new Date(relay.now + 600_000).toISOString());
  });

  it("the cron makes a probe whose message was lost", async () => {
    const { relay } = await relayWithOpenCircuit();
    const before = relay.destinations.at(destination).length;
    relay.retries.waiting = [];
    relay.passSeconds(60);
    await relay.runCron();
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(before + 1);
  });

  it("two messages at the same moment make a single probe", async () => {
    const { relay, id } = await relayWithOpenCircuit();
    for (let count = 0; count < 3; count += 1) await sendOne(relay);
    const before = relay.destinations.at(destination).length;
    relay.retries.waiting = [];
    relay.passSeconds(5);
    let concurrent: Promise<unknown> = Promise.resolve();
    relay.destinations.answer(destination, async () => {
      // While the probe is in flight another consumer gets a message as well.
      await relay.env.RETRIES.send({ kind: "drain", destination_id: id });
      concurrent = relay.runBatch(relay.retries, "qonto-relay-retries", 20);
      await concurrent;
      return new Response(null, { status: 500 });
    });
    await relay.env.RETRIES.send({ kind: "drain", destination_id: id });
    await relay.runBatch(relay.retries, "qonto-relay-retries", 20);
    expect(relay.destinations.at(destination)).toHaveLength(before + 1);
  });

  it("pending deliveries end as dead after the time of the retry schedule, or three days", async () => {
    const { relay, first } = await relayWithOpenCircuit();
    const status = async () => (await relay.api("GET", `/api/events/${first}`)).body.deliveries[0].status;
    relay.passSeconds(3 * 86_400);
    await relay.runCron();
    expect(await status()).toBe("pending");
    relay.passSeconds(11);
    await relay.runCron();
    expect(await status()).toBe("dead");
  });

  it("an expired replay of a delivery that had succeeded stays delivered", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(destination, LONG_SCHEDULE);
    const delivered = await sendOne(relay);
    relay.destinations.answer(destination, statuses(500));
    await sendOne(relay);
    await relay.liveThrough(60);
    expect(await healthOf(relay, id)).toMatchObject({ circuit_opened_at: expect.any(String) });
    const deliveries = async () => (await relay.api("GET", `/api/events/${delivered}`)).body.deliveries;
    expect(await relay.api("POST", `/api/events/${delivered}/replay`, { destination_id: id })).toMatchObject({
      status: 202,
    });
    expect(await deliveries()).toMatchObject([{ status: "pending" }]);
    relay.passSeconds(3 * 86_400 + 11);
    await relay.runCron();
    expect(await deliveries()).toMatchObject([{ status: "delivered", attempts: [{ outcome: "delivered" }] }]);
    const response = await relay.fetch("/metrics", { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
    const metrics = await response.text();
    expect(metrics).toContain(`qonto_relay_deliveries_total{destination_id="${id}",status="delivered"} 2`);
    expect(metrics).toContain(`qonto_relay_deliveries_total{destination_id="${id}",status="dead"} 1`);
  });
});

describe("a destination whose circuit closes", () => {
  it("gets all pending deliveries, oldest first, before their retry schedule says", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(destination);
    relay.destinations.answer(destination, statuses(500));
    const waiting: string[] = [];
    for (let count = 0; count < 20; count += 1) {
      waiting.push(await sendOne(relay));
      await relay.liveThrough(4);
    }
    expect((await healthOf(relay, id)).circuit_opened_at).not.toBeNull();
    relay.destinations.answer(destination, ok);
    const before = relay.destinations.at(destination).length;
    await relay.liveThrough(61);
    expect((await healthOf(relay, id)).state).toBe("healthy");
    const [probe, ...others] = receivedIds(relay, before);
    expect(waiting).toContain(probe);
    expect(others).toEqual(waiting.filter((one) => one !== probe));
  });

  it("gets fifty of them a second, beside new events", async () => {
    const { relay } = await relayWithOpenCircuit();
    for (let count = 0; count < 130; count += 1) await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    relay.destinations.answer(destination, ok);
    await relay.liveThrough(5);
    const from = relay.now;
    const live = await sendOne(relay);
    expect(receivedIds(relay)).toContain(live);
    await relay.liveThrough(10);
    const accepted = relay.destinations.at(destination).filter(({ at }) => at >= from);
    const perSecond = [...Map.groupBy(accepted, ({ at }) => at).values()].map(({ length }) => length);
    // And the probe, and what is live.
    expect(Math.max(...perSecond)).toBe(52);
    const { results } = await env.DB.prepare(
      `SELECT status, count(*) AS many FROM ${everyDeliverySql} GROUP BY status`,
    ).all();
    expect(results).toEqual([{ status: "delivered", many: 132 }]);
  });

  it("again and again does not use up retry schedules", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination);
    let downUntil = 0;
    relay.destinations.answer(destination, () => {
      if (relay.now < downUntil) return new Response(null, { status: 503 });
      downUntil = relay.now + 70_000;
      return new Response();
    });
    await Promise.all(Array.from({ length: 60 }, () => relay.send(makePayload("v1/cards"))));
    for (let minute = 0; minute < 22; minute += 1) {
      await relay.send(makePayload("v1/cards"));
      await relay.liveThrough(60);
    }
    const { results } = await env.DB.prepare(
      "SELECT max(step) AS step, sum(status = 'dead') AS dead FROM deliveries",
    ).all();
    expect(results).toEqual([{ step: expect.toSatisfy((step) => Number(step) <= 3), dead: 0 }]);
  });

  it("gets deliveries with a Retry-After no sooner than that", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination, LONG_SCHEDULE);
    relay.destinations.answer(
      destination,
      () => new Response(null, { status: 429, headers: { "retry-after": "3600" } }),
    );
    const asked = await sendOne(relay);
    relay.destinations.answer(destination, statuses(500));
    await sendOne(relay);
    await relay.liveThrough(60);
    relay.destinations.answer(destination, ok);
    await relay.liveThrough(60);
    expect(receivedIds(relay).filter((one) => one === asked)).toHaveLength(1);
    relay.passSeconds(3_600);
    await relay.runQueues();
    expect(receivedIds(relay).filter((one) => one === asked)).toHaveLength(2);
  });

  it.each([{ enabled: true }, { url: destination }])(
    "is probed at once when an operator changes it: %j",
    async (change) => {
      const { relay, id } = await relayWithOpenCircuit();
      relay.destinations.answer(destination, ok);
      relay.passSeconds(10);
      relay.retries.waiting = [];
      await relay.api("PATCH", `/api/destinations/${id}`, change);
      await relay.runQueues();
      expect((await healthOf(relay, id)).state).toBe("healthy");
    },
  );
});

it("an open circuit with a max_per_second is not probed sooner than that allows, whatever an operator does", async () => {
  const { relay, id } = await relayWithOpenCircuit({ ...LONG_SCHEDULE, max_per_second: 0.5 });
  await sendOne(relay);
  const attempts = relay.destinations.at(destination).length;
  await relay.api("PATCH", `/api/destinations/${id}`, { enabled: true });
  await relay.runQueues();
  await relay.liveThrough(1);
  expect(relay.destinations.at(destination)).toHaveLength(attempts);
  relay.destinations.answer(destination, ok);
  // Otherwise the probe comes after five seconds.
  await relay.liveThrough(2);
  expect(relay.destinations.at(destination)).toHaveLength(attempts + 1);
  expect((await healthOf(relay, id)).state).toBe("healthy");
});

describe("an operator who corrects a destination's URL", () => {
  it("makes its pending deliveries due at once", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(other);
    relay.destinations.answer(other, statuses(404));
    const pending = await sendOne(relay);
    await relay.liveThrough(6);
    await relay.api("PATCH", `/api/destinations/${id}`, { url: destination });
    await relay.runQueues();
    expect(receivedIds(relay)).toEqual([pending]);
  });
});

describe("a paused destination", () => {
  it("gets nothing; resumed, it gets its pending deliveries at once", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(destination);
    relay.destinations.answer(destination, statuses(500, 200));
    const pending = await sendOne(relay);
    await relay.api("PATCH", `/api/destinations/${id}`, { enabled: false });
    expect((await healthOf(relay, id)).state).toBe("paused");
    await sendOne(relay);
    await relay.liveThrough(60);
    expect(relay.destinations.at(destination)).toHaveLength(1);
    await relay.api("PATCH", `/api/destinations/${id}`, { enabled: true });
    await relay.runQueues();
    expect(receivedIds(relay)).toEqual([pending, pending]);
  });
});

describe("a destination with a max_per_second", () => {
  it("never gets more in a second, whatever is received, and gets all of it", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination, { max_per_second: 3 });
    await relay.addDestination(other);
    for (let second = 0; second < 12; second += 1) {
      if (second < 2) for (let count = 0; count < 15; count += 1) await relay.send(makePayload("v1/cards"));
      await relay.runQueues();
      relay.passSeconds(1);
    }
    const perSecond = Map.groupBy(relay.destinations.at(destination), ({ at }) => at);
    expect([...perSecond.values()].map(({ length }) => length)).toEqual(Array(10).fill(3));
    expect(relay.destinations.at(other)).toHaveLength(30);
    const { results } = await env.DB.prepare(
      `SELECT status, count(*) AS many FROM ${everyDeliverySql} GROUP BY status`,
    ).all();
    expect(results).toEqual([{ status: "delivered", many: 60 }]);
  });

  it("below one a second gets one, and the next when that allows it", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination, { max_per_second: 0.2 });
    for (let count = 0; count < 3; count += 1) await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    const from = relay.now;
    await relay.liveThrough(12);
    expect(relay.destinations.at(destination).map(({ at }) => (at - from) / 1000)).toEqual([0, 5, 10]);
  });

  it("has its retries counted too", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination, { max_per_second: 2, retry_schedule_seconds: [1, 1, 1] });
    relay.destinations.answer(destination, statuses(500, 500, 500, 500, 200));
    for (let count = 0; count < 4; count += 1) await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    await relay.liveThrough(8);
    const perSecond = Map.groupBy(relay.destinations.at(destination), ({ at }) => at);
    expect(Math.max(...[...perSecond.values()].map(({ length }) => length))).toBe(2);
    expect(relay.destinations.at(destination)).toHaveLength(8);
  });
});
