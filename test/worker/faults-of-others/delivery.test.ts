import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import type { QueueMessage } from "../../../src/messages.ts";
import { type Door, Doubles, doors } from "../faults/doubles.ts";
import { type Intercept, failing, interceptDatabase, never } from "../support/database.ts";
import { makePayload } from "../../support/qonto.ts";
import { emptyDatabase } from "../support/relay.ts";
import { type Answer, hang, ok, statuses, unreachable } from "../support/destinations.ts";
import {
  deafQueue,
  deliveryOf,
  live,
  receivedIds,
  relayWithDestination,
  send,
  stalledQueue,
  destination,
  textOf,
  whileBroken,
  wordOf,
} from "./scene.ts";
import { writesDeliveries } from "../../support/deliveries.ts";

/**
 * Faults of other webhook gateways on the way from the sender to the destinations, each as a fact about this one. What people get
 * to see, 8 to 17, is in sight.test.ts; what is about the project itself, in ../architecture/faults-of-others.test.ts.
 */

beforeEach(emptyDatabase);

const working: Intercept = (_call, proceed) => proceed();

/** Does what it is told and says that it has not. */
const lying: Intercept = async (_call, proceed) => {
  await proceed();
  throw new Error("D1_ERROR: D1 DB is overloaded. Requests queued for too long.");
};

describe("1: an event is only called a duplicate when it is durable and has a next step", () => {
  it.each([
    ["D1 takes it, the queue does not", working, deafQueue, ["accepted", "duplicate"]],
    ["D1 takes it and says that it has not", lying, deafQueue, ["not_stored", "duplicate"]],
    ["the queue alone takes it", failing, null, ["accepted", "accepted"]],
    ["neither takes it", failing, deafQueue, ["not_stored", "accepted"]],
  ])("%s", async (_title, intercept, queue, words) => {
    const { relay } = await relayWithDestination();
    const payload = makePayload("v1/cards");
    const broken = { DB: interceptDatabase(env.DB, intercept), ...(queue === null ? {} : { EVENTS: queue }) };
    const first = await whileBroken(relay, broken, () => relay.send(payload));
    expect([await wordOf(first), await wordOf(await relay.send(payload))]).toEqual(words);
    await live(relay, 60);
    expect(receivedIds(relay)).toEqual([payload.id]);
    expect(await wordOf(await relay.send(payload))).toBe("duplicate");
  });
});

describe("2: a process that dies behind any await costs a repetition, never an event", () => {
  /** The life of an event that has to be tried twice, whose process is killed behind one call, though that was done. */
  async function dieBehind(door: Door, call: number) {
    await emptyDatabase();
    const { relay } = await relayWithDestination({ retry_schedule_seconds: [1, 1] });
    const doubles = new Doubles(relay, [{ door, call, kind: "dies_done" }]);
    relay.destinations.answer(destination, doubles.before(statuses(500, 200)));
    const payload = makePayload("v1/cards");
    const untilItDies = (work: Promise<unknown>) => work.catch(() => undefined);
    // Qonto sends again what nobody has acknowledged.
    if ((await untilItDies(relay.send(payload))) === undefined) await relay.send(payload);
    await untilItDies(live(relay, 2));
    const calls = { ...doubles.calls };
    await live(relay, 120);
    return { calls, attempts: receivedIds(relay).length, delivery: await deliveryOf(relay, payload.id) };
  }

  it.each(doors)("at each call of: %s", async (door) => {
    const { calls } = await dieBehind(door, 0);
    for (let call = 1; call <= calls[door]; call += 1) {
      const { attempts, delivery } = await dieBehind(door, call);
      expect(delivery, `call ${call}`).toMatchObject({ status: "delivered" });
      expect(attempts, `call ${call}`).toBeLessThanOrEqual(3);
    }
  });
});

describe("3: an event larger than a queue message is accepted and arrives byte for byte, on a retry as well", () => {
  /** As the platform: 128 KB of 1,000 bytes, and not a byte more. */
  const limited = (queue: Queue<QueueMessage>): Queue<QueueMessage> => ({
    ...queue,
    send: async (body) => {
      const size = new TextEncoder().encode(JSON.stringify(body)).length;
      if (size > 128_000) throw new Error(`Queue send failed: message length of ${size} bytes exceeds limit`);
      return queue.send(body);
    },
  });

  it.each([
    ["just below a message's size", textOf(127_500)],
    ["just above it", textOf(128_001)],
    ["above it once it is quoted", textOf(90_000, '\\"')],
    ["as large as a body may be", textOf(1_048_576)],
  ])("%s", async (_title, text) => {
    const { relay } = await relayWithDestination({}, statuses(500, 200));
    relay.env = { ...relay.env, EVENTS: limited(relay.env.EVENTS) };
    expect(await wordOf(await relay.send(text))).toBe("accepted");
    await relay.runQueues();
    relay.passSeconds(5);
    await relay.runQueues();
    expect(relay.destinations.at(destination).map((request) => request.text === text)).toEqual([true, true]);
    expect(await deliveryOf(relay, JSON.parse(text).id)).toMatchObject({ status: "delivered" });
  });
});

describe("4: no delivery depends on what goes on behind an answer", () => {
  it("an event is delivered by the cron whose message was never sent because the process was evicted", async () => {
    const { relay } = await relayWithDestination();
    const payload = makePayload("v1/cards");
    const answer = await whileBroken(relay, { EVENTS: stalledQueue }, () => relay.sendAndLeave(payload));
    expect(await wordOf(answer)).toBe("accepted");
    expect(relay.events.sent).toEqual([]);
    await live(relay, 60);
    expect(receivedIds(relay)).toEqual([payload.id]);
  });

  it("an attempt is made again that outlived its batch and whose end nobody saw", async () => {
    const { relay } = await relayWithDestination({}, () => never);
    const [id = ""] = await send(relay, 1);
    relay.whenBatchReturns = () => Promise.reject(new Error("The process is gone"));
    await relay.runEventsBatch();
    relay.whenBatchReturns = async () => undefined;
    relay.destinations.answer(destination, ok);
    expect(await deliveryOf(relay, id)).toMatchObject({ status: "pending", attempts: [] });
    await live(relay, 60);
    expect(receivedIds(relay)).toEqual([id, id]);
    expect(await deliveryOf(relay, id)).toMatchObject({ status: "delivered" });
  });
});

describe("5: only a 2xx in time is a success; everything else is tried again", () => {
  const login = "https://destination.example.com/login";
  const redirect: Answer = () => new Response(null, { status: 302, headers: { location: login } });
  const withStatus = (status: number): [string, Answer] => [String(status), statuses(status)];

  it.each<[string, Answer]>([
    ["a redirect to a login page that answers 200", redirect],
    ["no answer in time", hang],
    ["no connection", unreachable],
    ...[304, 400, 401, 404, 429, 500, 503].map(withStatus),
  ])("%s", async (_title, answer) => {
    const { relay } = await relayWithDestination({ timeout_ms: 100 }, answer);
    const [id = ""] = await send(relay, 1);
    await relay.runQueues();
    expect(await deliveryOf(relay, id)).toMatchObject({ status: "pending", next_attempt_at: expect.any(String) });
    expect([...new Set(relay.destinations.received.map(({ url }) => url))]).toEqual([destination]);
    relay.destinations.answer(destination, statuses(204));
    await live(relay, 5);
    expect(await deliveryOf(relay, id)).toMatchObject({ status: "delivered", attempts: [{}, { status: 204 }] });
  });
});

describe("6: a rate limit holds, a pause ends, and then every pending delivery is made", () => {
  it("a destination gets no more than its max_per_second in any second, whatever comes in, and gets everything", async () => {
    const { relay } = await relayWithDestination({ max_per_second: 3 });
    const ids: string[] = [];
    for (let tick = 0; tick < 160; tick += 1) {
      if (tick < 20) ids.push(...(await send(relay, 2)));
      await relay.runQueues();
      relay.passSeconds(0.1);
    }
    expect(receivedIds(relay).toSorted()).toEqual(ids.toSorted());
    const at = relay.destinations.at(destination).map((request) => request.at);
    expect(Math.min(...at.slice(3).map((time, index) => time - (at[index] ?? 0)))).toBeGreaterThanOrEqual(1_000);
  });

  it("of twenty events to a destination that heals after three failures all arrive within ten seconds", async () => {
    const { relay } = await relayWithDestination({}, statuses(500, 500, 500, 200));
    const ids: string[] = [];
    for (let count = 0; count < 20; count += 1) {
      ids.push(...(await send(relay, 1)));
      await relay.runQueues();
    }
    await live(relay, 10);
    expect(receivedIds(relay)).toHaveLength(23);
    expect(new Set(receivedIds(relay))).toEqual(new Set(ids));
    const { body } = await relay.api("GET", "/api/deliveries?status=delivered");
    expect(body.data).toHaveLength(20);
  });

  it("a destination that is down for over an hour is reported, retried, and gets every pending delivery once it has recovered", async () => {
    const { relay, id } = await relayWithDestination({}, statuses(500));
    const ids: string[] = [];
    for (let minute = 0; minute < 40; minute += 1) {
      ids.push(...(await send(relay, 1)));
      await live(relay, 60, 600);
    }
    await live(relay, 26 * 60, 600);
    const { checks } = await (await relay.fetch("/health")).json<{ checks: Record<string, { detail: string }> }>();
    expect(checks["open_circuits"]).toMatchObject({ status: "degraded", detail: expect.stringContaining(id) });
    const attempts = relay.destinations.at(destination).length;
    relay.destinations.answer(destination, ok);
    await live(relay, 70);
    expect(receivedIds(relay).slice(attempts).toSorted()).toEqual(ids.toSorted());
  });

  it("a destination that answers 410 gets no more attempts, and those after it is enabled again", async () => {
    const { relay, id } = await relayWithDestination({}, statuses(410, 200));
    await send(relay, 1);
    await relay.runQueues();
    await send(relay, 3);
    await live(relay, 120);
    expect(receivedIds(relay)).toHaveLength(1);
    await relay.api("PATCH", `/api/destinations/${id}`, { enabled: true });
    const [later] = await send(relay, 1);
    await live(relay, 1);
    expect(receivedIds(relay).slice(1)).toEqual([later]);
  });
});

describe("7: an attempt that could not be written down is made again until it is, and little of it is kept", () => {
  it("it decides nothing while D1 refuses it; once D1 has taken it, it is never made again", async () => {
    const { relay } = await relayWithDestination();
    let refusals = 3;
    const DB = interceptDatabase(env.DB, async ({ statements }, proceed) => {
      if (!writesDeliveries(statements[0]) || refusals === 0) return proceed();
      refusals -= 1;
      throw new Error("D1_ERROR: internal error");
    });
    const [id = ""] = await send(relay, 1);
    await whileBroken(relay, { DB }, async () => {
      await relay.runQueues();
      await live(relay, 300);
    });
    expect(await deliveryOf(relay, id)).toMatchObject({ status: "delivered", attempts: [{ attempt: 1 }] });
    expect(receivedIds(relay)).toEqual(Array(4).fill(id));
    await live(relay, 600);
    expect(receivedIds(relay)).toHaveLength(4);
  });

  it.each<[string, () => BodyInit, HeadersInit]>([
    ["an answer without end", () => new ReadableStream({ pull: (to) => to.enqueue(new Uint8Array(9_000)) }), {}],
    ["an answer that is no text", () => new Uint8Array(9_000).fill(0xff), {}],
    ["an answer that takes six times as much when it is written", () => "\0".repeat(9_000), {}],
    ["a Retry-After beyond all numbers", () => "", { "retry-after": "9".repeat(400) }],
  ])("%s is kept as a few characters of it, however many attempts there are", async (_title, body, headers) => {
    const answer: Answer = () => new Response(body(), { status: 500, headers });
    const { relay, id } = await relayWithDestination({ retry_schedule_seconds: Array(50).fill(0) }, answer);
    const [eventId = ""] = await send(relay, 1);
    for (let time = 0; time < 2; time += 1) {
      await relay.runQueues();
      await live(relay, 10);
      await relay.api("POST", `/api/events/${eventId}/replay`, { destination_id: id });
    }
    const stored = await env.DB.prepare("SELECT octet_length(attempts) AS bytes FROM deliveries").first<number>(
      "bytes",
    );
    expect(stored).toBeLessThan(200_000);
    relay.destinations.answer(destination, ok);
    relay.passSeconds(86_400);
    await live(relay, 60);
    expect(await deliveryOf(relay, eventId)).toMatchObject({ status: "delivered" });
  });
});
