import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { sleep } from "../../../src/platform/timeout.ts";
import { makePayload } from "../../support/qonto.ts";
import { interceptDatabase } from "../support/database.ts";
import { type HeldQueue, TestRelay, emptyDatabase } from "../support/relay.ts";
import { type Answer, ok, okAfter, statuses } from "../support/destinations.ts";
import { writesDeliveries } from "../../support/deliveries.ts";

beforeEach(emptyDatabase);

const urls = ["https://one.example.com/", "https://two.example.com/", "https://three.example.com/"];

const tooMany = () => new Error("Too many subrequests by single Worker invocation.");
const overloaded = () => new Error("D1_ERROR: D1 DB is overloaded. Requests queued for too long.");

async function relayWithDestinations(answer: Answer): Promise<TestRelay> {
  const relay = new TestRelay();
  for (const url of urls) {
    await relay.addDestination(url);
    relay.destinations.answer(url, answer);
  }
  return relay;
}

async function deliveriesOf(eventId: string, relay: TestRelay): Promise<any[]> {
  return (await relay.api("GET", `/api/events/${eventId}`)).body.deliveries;
}

/** Has D1 fail so many times to write down deliveries, from some time on. Returns when it was asked to, Unix milliseconds. */
function failWrites(relay: TestRelay, times: number, error: () => Error, from = 1): number[] {
  const asked: number[] = [];
  const DB = interceptDatabase(env.DB, async ({ statements }, proceed) => {
    if (!writesDeliveries(statements[0])) return proceed();
    asked.push(relay.now);
    if (asked.length >= from && asked.length < from + times) throw error();
    return proceed();
  });
  relay.env = { ...relay.env, DB };
  return asked;
}

describe("an invocation that may make no more requests", () => {
  const PER_INVOCATION = 7;

  /** Each batch may make so many requests; what is beyond is counted. */
  function limitRequests(relay: TestRelay) {
    const beyond: number[] = [];
    let left = 0;
    const watch = (queue: HeldQueue) => {
      const take = queue.takeDue.bind(queue);
      queue.takeDue = (most) => {
        left = PER_INVOCATION;
        beyond.push(0);
        return take(most);
      };
    };
    watch(relay.events);
    watch(relay.retries);
    const limited: Answer = (...request) => {
      left -= 1;
      if (left >= 0) return ok(...request);
      beyond.push((beyond.pop() ?? 0) + 1);
      throw tooMany();
    };
    for (const url of urls) relay.destinations.answer(url, limited);
    return beyond;
  }

  it("counts no attempt, begins no other, and leaves the rest to the next one", async () => {
    const relay = await relayWithDestinations(ok);
    const beyond = limitRequests(relay);
    const events = Array.from({ length: 8 }, () => makePayload("v1/cards"));
    for (const event of events) await relay.send(event);
    await relay.runQueues();
    // As many as are in flight at once.
    expect(Math.max(...beyond)).toBeGreaterThan(0);
    expect(Math.max(...beyond)).toBeLessThanOrEqual(5);
    const all = (await Promise.all(events.map(({ id }) => deliveriesOf(id, relay)))).flat();
    expect(all).toHaveLength(24);
    for (const delivery of all) {
      expect(delivery).toMatchObject({ status: "delivered", attempts: [{ attempt: 1, outcome: "delivered" }] });
      expect(delivery.attempts).toHaveLength(1);
    }
    expect(relay.destinations.received).toHaveLength(24 + beyond.reduce((sum, one) => sum + one, 0));
    for (const { health } of (await relay.api("GET", "/api/destinations")).body.data) {
      expect(health).toMatchObject({ state: "healthy", consecutive_failures: 0, last_failure_at: null });
    }
  });

  it("fails as a whole, and is repeated, when D1 cannot be asked either", async () => {
    const relay = await relayWithDestinations(ok);
    const asked = failWrites(relay, 1, tooMany);
    const event = makePayload("v1/cards");
    await relay.send(event);
    await relay.runEventsBatch();
    expect(asked).toHaveLength(1);
    expect(relay.events.waiting).toHaveLength(1);
    await relay.liveThrough(60);
    expect(relay.events.waiting).toEqual([]);
    expect((await deliveriesOf(event.id, relay)).map(({ status }) => status)).toEqual(Array(3).fill("delivered"));
  });
});

describe("the outcome of attempts, while D1 is overloaded", () => {
  it.each([
    overloaded,
    () => new Error("D1_ERROR: Too many requests queued."),
    () => new Error("D1_ERROR: Network connection lost."),
  ])("is written down once D1 takes it: %s", async (error) => {
    const relay = await relayWithDestinations(ok);
    const asked = failWrites(relay, 5, error);
    const event = makePayload("v1/cards");
    await relay.send(event);
    await relay.runQueues();
    expect(asked).toHaveLength(6);
    expect(relay.events.waiting).toEqual([]);
    expect((await deliveriesOf(event.id, relay)).map(({ status }) => status)).toEqual(Array(3).fill("delivered"));
    await relay.liveThrough(120);
    expect(relay.destinations.received).toHaveLength(3);
  });

  it("is recorded by the retries as well", async () => {
    const relay = await relayWithDestinations(statuses(500, 500, 500, 200));
    const event = makePayload("v1/cards");
    await relay.send(event);
    await relay.runQueues();
    failWrites(relay, 5, overloaded);
    await relay.liveThrough(120);
    expect((await deliveriesOf(event.id, relay)).map(({ status }) => status)).toEqual(Array(3).fill("delivered"));
    expect(relay.destinations.received).toHaveLength(6);
  });

  it("is recorded of a late attempt as well", async () => {
    const relay = await relayWithDestinations(okAfter(3_000));
    const event = makePayload("v1/cards");
    await relay.send(event);
    // The first write says that three are in flight.
    const asked = failWrites(relay, 5, overloaded, 2);
    await relay.runQueues();
    expect(asked).toHaveLength(9);
    await relay.liveThrough(120);
    expect((await deliveriesOf(event.id, relay)).map(({ status }) => status)).toEqual(Array(3).fill("delivered"));
    expect(relay.destinations.received).toHaveLength(3);
  });

  it("is recorded of a late attempt though its batch could write nothing, and the attempt is not repeated", async () => {
    const relay = await relayWithDestinations(okAfter(3_000));
    const event = makePayload("v1/cards");
    await relay.send(event);
    const wellAt = relay.now + 31_000;
    const DB = interceptDatabase(env.DB, async ({ statements }, proceed) => {
      if (writesDeliveries(statements[0]) && relay.now < wellAt) throw overloaded();
      return proceed();
    });
    relay.env = { ...relay.env, DB };
    await relay.runEventsBatch();
    expect(relay.events.waiting).toHaveLength(1);
    await relay.clock.waitFor(sleep(5_000, relay.clock));
    await relay.liveThrough(120);
    expect((await deliveriesOf(event.id, relay)).map(({ status }) => status)).toEqual(Array(3).fill("delivered"));
    expect(relay.destinations.received).toHaveLength(3);
  });

  it("is not recorded after the lease of its event: the batch fails, and is repeated", async () => {
    const relay = await relayWithDestinations(ok);
    const asked = failWrites(relay, Infinity, overloaded);
    const event = makePayload("v1/cards");
    await relay.send(event);
    const leaseUntil = relay.now + 30_000;
    await relay.runEventsBatch();
    expect(asked.length).toBeGreaterThan(10);
    expect(Math.max(...asked)).toBeLessThanOrEqual(leaseUntil);
    expect(relay.events.waiting).toHaveLength(1);
    expect(relay.destinations.received).toHaveLength(3);
  });
});
