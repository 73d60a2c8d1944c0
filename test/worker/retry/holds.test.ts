import { beforeEach, describe, expect, it } from "vitest";
import { interceptDatabase } from "../support/database.ts";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { type Answer, ok, okAfter } from "../support/destinations.ts";

/** A destination that asks for less: 429, or 503 with `Retry-After`. */

beforeEach(emptyDatabase);

const url = "https://destination.example.com/hook";

const asking =
  (status: number, retryAfter?: string): Answer =>
  () =>
    new Response("slow down", { status, headers: retryAfter === undefined ? {} : { "retry-after": retryAfter } });

/** The first request is answered so, every other one well. */
function once(first: Answer): Answer {
  let isFirst = true;
  return (request, signal, timers) => {
    const answer = isFirst ? first : ok;
    isFirst = false;
    return answer(request, signal, timers);
  };
}

async function relayWith(answer: Answer, settings: object = {}) {
  const relay = new TestRelay();
  const destination = await relay.addDestination(url, settings);
  relay.destinations.answer(url, answer);
  return {
    relay,
    path: `/api/destinations/${destination.id}`,
    health: async () => (await relay.api("GET", `/api/destinations/${destination.id}`)).body.health,
    /** Each in a batch of its own. */
    sendEvents: async (many: number) => {
      for (let count = 0; count < many; count += 1) {
        await relay.send(makePayload("v1/cards"));
        await relay.runQueues();
      }
    },
    requests: () => relay.destinations.at(url).length,
  };
}

/** A message that came before the end of a hold would find nothing to do. */
const shortestDelay = (relay: TestRelay) => Math.min(...relay.retries.sent.map(({ delaySeconds }) => delaySeconds));

const deliveriesOf = async (relay: TestRelay, status: string) =>
  (await relay.api("GET", `/api/deliveries?status=${status}&limit=100`)).body.data;

describe("an answer that asks for less", () => {
  it.each([
    ["a 429 with Retry-After", asking(429, "60")],
    ["a 503 with Retry-After", asking(503, "60")],
  ])("holds every delivery to its destination until its end: %s", async (_title, answer) => {
    const { relay, sendEvents, requests } = await relayWith(once(answer));
    await sendEvents(31);
    expect(requests()).toBe(1);
    expect(shortestDelay(relay)).toBe(60);
    await relay.liveThrough(59);
    expect(requests()).toBe(1);
    await relay.liveThrough(30);
    expect(requests()).toBe(32);
    expect(await deliveriesOf(relay, "delivered")).toHaveLength(31);
  });

  it("uses up no step of the deliveries that it defers, and counts no attempt", async () => {
    const { relay, sendEvents } = await relayWith(once(asking(429, "60")), { retry_schedule_seconds: [1] });
    await sendEvents(3);
    const attempts = (await deliveriesOf(relay, "pending")).map((one: { attempts: unknown[] }) => one.attempts.length);
    expect(attempts.toSorted()).toEqual([0, 0, 1]);
    await relay.liveThrough(70);
    const numbers = relay.destinations.at(url).map(({ headers }) => headers.get("x-relay-attempt"));
    expect(numbers.toSorted()).toEqual(["1", "1", "1", "2"]);
    expect(await deliveriesOf(relay, "delivered")).toHaveLength(3);
  });

  it("lets no further attempt begin in its batch", async () => {
    const { relay, requests } = await relayWith(asking(429, "60"));
    for (let count = 0; count < 25; count += 1) await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    // As many as are in flight at once.
    expect(requests()).toBe(5);
    expect(shortestDelay(relay)).toBe(60);
  });

  it("holds as long as the longest of several", async () => {
    const waits = ["5", "90", "20"];
    const { relay, requests } = await relayWith((...call) => asking(429, waits.shift() ?? "1")(...call));
    for (let count = 0; count < 3; count += 1) await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    expect(requests()).toBe(3);
    await relay.liveThrough(89);
    expect(requests()).toBe(3);
    await relay.liveThrough(2);
    expect(requests()).toBeGreaterThan(3);
  });

  it.each([
    ["as long as its own delivery waits", [20], 20],
    ["for a minute at most, however long that waits", [7_200], 60],
  ])("holds without Retry-After %s", async (_title, schedule, seconds) => {
    const { relay, sendEvents, requests } = await relayWith(once(asking(429)), { retry_schedule_seconds: schedule });
    await sendEvents(3);
    await relay.liveThrough(seconds - 1);
    expect(requests()).toBe(1);
    await relay.liveThrough(2);
    expect(requests()).toBeGreaterThan(2);
  });

  it("has one message at its end, however many deliveries are pending", async () => {
    const { relay, sendEvents } = await relayWith(once(asking(429, "60")));
    await sendEvents(40);
    expect(relay.retries.sent).toHaveLength(1);
    await relay.liveThrough(70);
    expect(await deliveriesOf(relay, "delivered")).toHaveLength(40);
  });

  it("is over at its end, whatever is still pending: a new event is attempted at once", async () => {
    const { relay, sendEvents, requests } = await relayWith(once(asking(429, "60")));
    await sendEvents(40);
    relay.passSeconds(60);
    await relay.send(makePayload("v1/cards"));
    await relay.runEventsBatch();
    expect(requests()).toBe(2);
  });

  it("does not hold with a Retry-After of 0", async () => {
    const { sendEvents, requests, health } = await relayWith(once(asking(429, "0")));
    await sendEvents(2);
    expect(requests()).toBe(2);
    expect((await health()).held_until).toBeNull();
  });

  it("does not hold the new URL when it comes from the old one", async () => {
    const late: Answer = async (...call) => {
      await okAfter(2_000)(...call);
      return asking(429, "3600")(...call);
    };
    const { relay, path, health } = await relayWith(late);
    relay.whenBatchReturns = async () => {
      relay.whenBatchReturns = async () => undefined;
      await relay.api("PATCH", path, { url: "https://other.example.com/hook" });
    };
    await relay.send(makePayload("v1/cards"));
    await relay.runEventsBatch();
    expect(relay.destinations.at(url)).toHaveLength(1);
    expect((await health()).held_until).toBeNull();
  });

  it("holds a day at most", async () => {
    const { relay, health } = await relayWith(asking(429, "999999"));
    await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    expect((await health()).held_until).toBe(new Date(relay.now + 86_400_000).toISOString());
  });

  it.each([
    ["a 503 without Retry-After", asking(503)],
    ["a 500 with Retry-After", asking(500, "60")],
  ])("does not hold with %s", async (_title, answer) => {
    const { sendEvents, requests, health } = await relayWith(answer);
    await sendEvents(2);
    expect(requests()).toBe(2);
    expect((await health()).held_until).toBeNull();
  });

  it("holds also when it is late, at a destination with a max_per_second", async () => {
    const late: Answer = async (...call) => {
      await okAfter(2_000)(...call);
      return asking(429, "30")(...call);
    };
    const { relay, sendEvents, requests } = await relayWith(late, { max_per_second: 1 });
    await sendEvents(4);
    await relay.liveThrough(5);
    const made = requests();
    await relay.liveThrough(24);
    expect(requests()).toBe(made);
    await relay.liveThrough(10);
    expect(requests()).toBeGreaterThan(made);
  });

  it("outlasts the first probe of a circuit that opens meanwhile", async () => {
    const answers = Array(9).fill(asking(500));
    const { relay, sendEvents, requests, health } = await relayWith((...call) =>
      (answers.shift() ?? asking(429, "600"))(...call),
    );
    await sendEvents(9);
    await relay.liveThrough(4);
    relay.passSeconds(70);
    await relay.runQueues();
    const made = requests();
    expect(await health()).toMatchObject({ circuit_opened_at: expect.any(String), held_until: expect.any(String) });
    expect((await health()).next_probe_at).toBe((await health()).held_until);
    await sendEvents(3);
    await relay.liveThrough(590);
    expect(requests()).toBe(made);
    await relay.liveThrough(15);
    expect(requests()).toBe(made + 1);
  });

  it("stops a drain that read the destination before", async () => {
    const { relay, requests } = await relayWith(ok);
    const { DB } = relay.env;
    await relay.send(makePayload("v1/cards"));
    // Left to the retries by a fan-out that had no time for it.
    await DB.prepare("UPDATE destinations SET is_slow = 1").run();
    await relay.runEventsBatch();
    relay.env = {
      ...relay.env,
      DB: interceptDatabase(DB, async ({ statements }, proceed) => {
        if (statements.some((sql) => sql.includes("claims = claims + 1"))) {
          await DB.prepare("UPDATE destinations SET held_until = ?1")
            .bind(relay.now + 60_000)
            .run();
        }
        return proceed();
      }),
    };
    await relay.runQueues();
    expect(requests()).toBe(0);
  });
});

describe("a destination on hold", () => {
  it("shows held_until, until all that waited has gone out", async () => {
    const { relay, sendEvents, health } = await relayWith(once(asking(429, "60")));
    await sendEvents(2);
    expect(await health()).toMatchObject({
      state: "failing",
      circuit_opened_at: null,
      held_until: new Date(relay.now + 60_000).toISOString(),
    });
    await relay.liveThrough(70);
    expect(await health()).toMatchObject({ state: "healthy", held_until: null });
  });

  it("shows held_until no longer than the hold, also when nothing is pending", async () => {
    const { relay, sendEvents, health } = await relayWith(asking(429, "60"), { retry_schedule_seconds: [] });
    await sendEvents(1);
    expect((await health()).held_until).not.toBeNull();
    relay.passSeconds(60);
    expect((await health()).held_until).toBeNull();
  });

  it("gets what became due meanwhile, also when the delivery that it refused is dead", async () => {
    const answers = [asking(500), asking(500), asking(429, "60")];
    const { relay, sendEvents, requests } = await relayWith((...call) => (answers.shift() ?? ok)(...call), {
      retry_schedule_seconds: [20],
    });
    await sendEvents(1);
    await relay.liveThrough(15);
    await sendEvents(1);
    await relay.liveThrough(60);
    expect(requests()).toBe(3);
    expect(await deliveriesOf(relay, "dead")).toHaveLength(1);
    await relay.liveThrough(10);
    expect(await deliveriesOf(relay, "delivered")).toHaveLength(1);
  });

  it("is neither overdue nor drained by the cron, until the hold is over", async () => {
    const { relay, sendEvents, requests } = await relayWith(once(asking(429, "3600")));
    await sendEvents(2);
    relay.retries.waiting = [];
    relay.passSeconds(3_500);
    await relay.runCron();
    expect(relay.retries.waiting.filter(({ body }) => body.kind === "drain")).toEqual([]);
    expect((await relay.api("GET", "/health")).body.checks.deliveries.status).toBe("ok");
    relay.passSeconds(103);
    await relay.runCron();
    await relay.runQueues();
    expect(requests()).toBe(3);
  });

  it.each([
    ["at another URL", { url: "https://other.example.com/hook" }],
    ["when an operator resumes it", { enabled: true }],
  ])("is no longer on hold %s", async (_title, change) => {
    const { relay, path, sendEvents, health } = await relayWith(once(asking(429, "3600")));
    await sendEvents(3);
    await relay.api("PATCH", path, change);
    expect((await health()).held_until).toBeNull();
    await relay.liveThrough(5);
    expect(await deliveriesOf(relay, "delivered")).toHaveLength(2);
  });

  it("stays on hold when another field is changed", async () => {
    const { relay, path, sendEvents, requests } = await relayWith(once(asking(429, "3600")));
    await sendEvents(2);
    await relay.api("PATCH", path, { description: "busy", max_per_second: 50 });
    await relay.liveThrough(60);
    expect(requests()).toBe(1);
  });

  it("delays no other", async () => {
    const { relay, sendEvents } = await relayWith(asking(429, "3600"));
    await relay.addDestination("https://well.example.com/hook");
    await sendEvents(3);
    expect(relay.destinations.at("https://well.example.com/hook")).toHaveLength(3);
  });
});
