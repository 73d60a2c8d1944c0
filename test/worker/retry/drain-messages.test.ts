import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { byId, messageOf } from "../../../src/messages.ts";
import { interceptDatabase } from "../support/database.ts";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { ok, okAfter, statuses } from "../support/destinations.ts";
import { writesDeliveries } from "../../support/deliveries.ts";

/** What is due is brought on by a message; the cron is for what gets lost. None of these tests runs it. */

beforeEach(emptyDatabase);

const destination = "https://destination.example.com/hook";

const receivedIds = (relay: TestRelay) =>
  relay.destinations.at(destination).map(({ headers }) => headers.get("webhook-id"));

async function sendOne(relay: TestRelay): Promise<string> {
  const payload = makePayload("v1/cards");
  await relay.send(payload);
  await relay.runQueues();
  return payload.id;
}

const rest = (circuitOpenedAt: number | null, nextDrainAt: number | null) =>
  env.DB.prepare("UPDATE destinations SET circuit_opened_at = ?1, next_drain_at = ?2")
    .bind(circuitOpenedAt, nextDrainAt)
    .run();

describe("without the cron", () => {
  it("a message that arrives a moment early is repeated", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(destination, { retry_schedule_seconds: [5] });
    relay.destinations.answer(destination, statuses(500, 200));
    await sendOne(relay);
    relay.retries.waiting = [];
    relay.passSeconds(4);
    await relay.env.RETRIES.send({ kind: "drain", destination_id: id, due_at: relay.now + 1_000 });
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(1);
    await relay.liveThrough(1);
    expect(relay.destinations.at(destination)).toHaveLength(2);
  });

  it("a delivery that is recorded while a probe succeeds goes out", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination);
    await rest(relay.now, relay.now + 60_000);
    const DB = interceptDatabase(env.DB, async ({ statements }, proceed) => {
      // The fan-out has read an open circuit; before it writes, the probe has closed the circuit.
      if (statements.some(writesDeliveries)) await rest(null, null);
      return proceed();
    });
    relay.env = { ...relay.env, DB };
    const id = await sendOne(relay);
    await relay.liveThrough(61);
    expect(receivedIds(relay)).toEqual([id]);
  });

  it("a probe that succeeds drains all that is pending", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(destination);
    await rest(relay.now, relay.now + 60_000);
    for (let count = 0; count < 5; count += 1) await sendOne(relay);
    relay.retries.waiting = [];
    relay.passSeconds(60);
    await relay.env.RETRIES.send({ kind: "drain", destination_id: id });
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(5);
  });

  it("a delivery that is due after the time of the probe is attempted when it is due", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination, { retry_schedule_seconds: [90, 90] });
    relay.destinations.answer(destination, statuses(500));
    await sendOne(relay);
    await rest(relay.now, relay.now);
    await relay.liveThrough(95);
    expect(relay.destinations.at(destination)).toHaveLength(2);
    await relay.liveThrough(95);
    expect(relay.destinations.at(destination)).toHaveLength(3);
  });

  it("attempts that a drain could not record are due again when its lease ends", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(destination, { max_per_second: 1 });
    let failed = false;
    const DB = interceptDatabase(env.DB, async ({ statements }, proceed) => {
      if (!failed && relay.destinations.at(destination).length === 1 && statements.some(writesDeliveries)) {
        failed = true;
        throw new Error("D1_ERROR: D1 DB is overloaded.");
      }
      return proceed();
    });
    relay.env = { ...relay.env, DB };
    await sendOne(relay);
    expect(failed).toBe(true);
    await relay.liveThrough(61);
    const { body } = await relay.api("GET", `/api/deliveries?destination_id=${id}`);
    expect(body.data[0].status).toBe("delivered");
  });

  it("a drain whose claim took too long leaves its deliveries to the next, also when the queue takes no message", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination, { retry_schedule_seconds: [1] });
    relay.destinations.answer(destination, statuses(500, 200));
    await sendOne(relay);
    const { DB, RETRIES } = relay.env;
    const stalling = interceptDatabase(DB, async ({ statements }, proceed) => {
      const results = await proceed();
      if (statements.some((sql) => sql.includes("claims = claims + 1"))) relay.passSeconds(55);
      return results;
    });
    const full = { ...RETRIES, sendBatch: () => Promise.reject(new Error("Queue send failed")) };
    relay.passSeconds(2);
    relay.env = { ...relay.env, DB: stalling, RETRIES: full };
    // An error would have the queue repeat the message.
    expect(await relay.runBatch(relay.retries, "qonto-relay-retries", 1)).toBe(true);
    expect(relay.destinations.at(destination)).toHaveLength(1);
    expect(relay.retries.waiting).toEqual([]);
    relay.env = { ...relay.env, DB, RETRIES };
    relay.passSeconds(10);
    await relay.runCron();
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(2);
  });

  it.each([
    ["a destination with a max_per_second", { max_per_second: 1 }],
    ["a destination whose circuit has closed", {}],
  ])("deliveries that become due during a drain of %s go out in the next one", async (_title, settings) => {
    const relay = new TestRelay();
    await relay.addDestination(destination, settings);
    await env.DB.prepare("UPDATE destinations SET is_slow = 1, next_drain_at = ?1").bind(relay.now).run();
    const meanwhile = makePayload("v1/cards");
    let isFirst = true;
    relay.destinations.answer(destination, async () => {
      if (isFirst) {
        isFirst = false;
        await relay.send(meanwhile);
        await relay.runEventsBatch();
        expect(await relay.runBatch(relay.retries, "qonto-relay-retries", 1)).toBe(true);
      }
      return new Response();
    });
    const first = await sendOne(relay);
    await relay.liveThrough(1);
    expect(receivedIds(relay)).toEqual([first, meanwhile.id]);
  });

  it("another max_per_second counts at once, however far off the next drain was", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(destination, { max_per_second: 0.01 });
    for (let count = 0; count < 3; count += 1) await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    await relay.liveThrough(3);
    expect(relay.destinations.at(destination)).toHaveLength(1);
    // Not a message each second for a drain that is a minute or more away.
    expect(relay.retries.sent.length).toBeLessThan(6);
    await relay.api("PATCH", `/api/destinations/${id}`, { max_per_second: 100 });
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(3);
  });
});

describe("a drain that reads a destination before a change, and claims after it", () => {
  /** Lets something happen after a drain has read the destination and before it claims. */
  async function overtaken(relay: TestRelay, meanwhile: () => Promise<unknown>): Promise<void> {
    let happened = false;
    const DB = interceptDatabase(env.DB, async ({ statements }, proceed) => {
      if (!happened && statements.some((sql) => sql.includes("claims = claims + 1"))) {
        happened = true;
        await meanwhile();
      }
      return proceed();
    });
    await relay.runBatch(relay.retries, "qonto-relay-retries", 1, { DB });
    expect(happened).toBe(true);
  }

  it("makes no second probe", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(destination);
    relay.destinations.answer(destination, statuses(500));
    await sendOne(relay);
    await sendOne(relay);
    relay.passSeconds(10);
    await rest(relay.now, relay.now);
    relay.retries.waiting = [];
    const before = relay.destinations.at(destination).length;
    for (let count = 0; count < 2; count += 1) await relay.env.RETRIES.send({ kind: "drain", destination_id: id });
    await overtaken(relay, () => relay.runBatch(relay.retries, "qonto-relay-retries", 1));
    expect(relay.destinations.at(destination)).toHaveLength(before + 1);
  });

  it("makes no attempt at a destination that has been paused", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(destination);
    relay.destinations.answer(destination, statuses(500));
    await sendOne(relay);
    relay.passSeconds(5);
    await overtaken(relay, () => relay.api("PATCH", `/api/destinations/${id}`, { enabled: false }));
    expect(relay.destinations.at(destination)).toHaveLength(1);
  });
});

describe("destinations that share a batch", () => {
  it("have equal shares of it, however many they are", async () => {
    const relay = new TestRelay();
    const urls = Array.from({ length: 8 }, (_, index) => `https://destination-${index}.example.com/`);
    for (const url of urls) {
      await relay.addDestination(url);
      // So long that there is time for some only.
      relay.destinations.answer(url, okAfter(900));
      relay.passSeconds(1);
    }
    for (let count = 0; count < 20; count += 1) await relay.send(makePayload("v1/cards"));
    await relay.runEventsBatch();
    const counts = urls.map((url) => relay.destinations.at(url).length);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
  });
});

describe("a delivery whose event is gone", () => {
  it("is not made by a replay at the moment of retention", async () => {
    const relay = new TestRelay();
    const lost = await sendOne(relay);
    const { id } = await relay.addDestination(destination);
    relay.destinations.answer(destination, ok);
    const DB = interceptDatabase(env.DB, async ({ statements }, proceed) => {
      if (statements.some((sql) => sql.includes("UPDATE replays"))) {
        await env.DB.prepare("DELETE FROM events WHERE id = ?1").bind(lost).run();
      }
      return proceed();
    });
    relay.env = { ...relay.env, DB };
    await relay.api("POST", `/api/destinations/${id}/replay`, { which: "missing", since: "2020-01-01T00:00:00Z" });
    expect((await relay.api("GET", "/api/deliveries")).body.data).toEqual([]);
    expect((await relay.api("GET", "/api/ledger")).body).toMatchObject({ received: 0, balanced: true });
  });
});

describe("a replay to a destination between an event's two claims", () => {
  it("stays pending", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(destination, { types: ["v1/transfers"] });
    await relay.addDestination("https://other.example.com/");
    const payload = makePayload("v1/cards");
    await relay.send(payload);
    // A consumer claims and dies.
    await env.DB.prepare("UPDATE events SET lease_until = ?1, claims = 1, recipients = '{\"dst_gone\":null}'")
      .bind(relay.now + 45_000)
      .run();
    await env.DB.prepare("INSERT INTO deliveries VALUES ('dst_gone', ?1, 'x', 'delivered', '[]', NULL, 0, 0, 0)")
      .bind(1)
      .run();
    await relay.api("POST", `/api/events/${payload.id}/replay`, { destination_id: id });
    relay.passSeconds(46);
    await relay.env.EVENTS.send(messageOf([byId(payload.id, null)]));
    await relay.runQueues();
    expect(receivedIds(relay)).toEqual([payload.id]);
    await env.DB.prepare("DELETE FROM deliveries WHERE event_id = 'x'").run();
    expect((await relay.api("GET", "/api/ledger")).body).toMatchObject({ settled: 1, balanced: true });
  });
});
