import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { type Answer, hang, okAfter, statuses, unreachable } from "../support/destinations.ts";

beforeEach(emptyDatabase);

const url = "https://destination.example.com/hook";

interface ShownDelivery {
  readonly status: string;
  readonly next_attempt_at: string | null;
  readonly attempts: {
    readonly attempt: number;
    readonly status: number | null;
    readonly outcome: string;
    readonly response_excerpt: string | null;
  }[];
}

async function deliveryOf(relay: TestRelay, id: string): Promise<ShownDelivery> {
  return (await relay.api("GET", `/api/events/${id}`)).body.deliveries[0];
}

/** Sends one event to a destination that answers so, and lets the first attempt be made. */
async function firstAttempt(answer: Answer, settings: object = {}) {
  const relay = new TestRelay();
  const destination = await relay.addDestination(url, settings);
  relay.destinations.answer(url, answer);
  const payload = makePayload("v1/cards");
  await relay.send(payload);
  await relay.runQueues();
  return { relay, destination, payload, delivery: () => deliveryOf(relay, payload.id) };
}

describe("a delivery that fails", () => {
  it("is retried on its destination's own retry schedule, signed for each attempt, and ends delivered", async () => {
    const { relay, delivery } = await firstAttempt(statuses(500, 503, 404, 200), { retry_schedule_seconds: [1, 1, 5] });
    expect((await delivery()).status).toBe("pending");
    for (const seconds of [1, 1, 5]) {
      relay.passSeconds(seconds - 1);
      await relay.runQueues();
      relay.passSeconds(1);
      await relay.runQueues();
    }
    const received = relay.destinations.at(url);
    expect(received.map(({ at }) => (at - (received[0]?.at ?? 0)) / 1000)).toEqual([0, 1, 2, 7]);
    expect(received.map(({ headers }) => headers.get("x-relay-attempt"))).toEqual(["1", "2", "3", "4"]);
    expect(new Set(received.map(({ headers }) => headers.get("webhook-id"))).size).toBe(1);
    expect(new Set(received.map(({ headers }) => headers.get("webhook-timestamp"))).size).toBe(4);
    expect(new Set(received.map(({ text }) => text)).size).toBe(1);
    expect((await delivery()).status).toBe("delivered");
    expect((await delivery()).attempts.map(({ status }) => status)).toEqual([500, 503, 404, 200]);
  });

  it("is dead after the last attempt, and visible", async () => {
    const { relay, delivery } = await firstAttempt(statuses(500), { retry_schedule_seconds: [1] });
    relay.passSeconds(1);
    await relay.runQueues();
    expect(await delivery()).toMatchObject({ status: "dead", next_attempt_at: null });
    relay.passSeconds(86_400);
    await relay.runCron();
    await relay.runQueues();
    expect(relay.destinations.at(url)).toHaveLength(2);
  });

  it("waits five seconds and then five minutes by default", async () => {
    const { relay } = await firstAttempt(statuses(500));
    relay.passSeconds(4);
    await relay.runQueues();
    expect(relay.destinations.at(url)).toHaveLength(1);
    relay.passSeconds(1);
    await relay.runQueues();
    expect(relay.destinations.at(url)).toHaveLength(2);
    expect(relay.retries.waiting.map(({ dueAt }) => (dueAt - relay.now) / 1000)).toEqual([300]);
  });

  it.each([
    [
      "a redirect, which is not followed",
      () => new Response(null, { status: 302, headers: { location: "https://elsewhere.example.com/" } }),
      "redirected",
      302,
    ],
    ["a 304", () => new Response(null, { status: 304 }), "redirected", 304],
    ["a client error", () => new Response("no such hook", { status: 404 }), "rejected", 404],
    ["a server error", () => new Response("oops", { status: 500 }), "rejected", 500],
    ["no connection", unreachable, "unreachable", null],
    ["no answer", hang, "timed_out", null],
  ] as const)("by %s is recorded as such and tried again", async (_title, answer, outcome, status) => {
    const { relay, delivery } = await firstAttempt(answer, { timeout_ms: 100 });
    expect(await delivery()).toMatchObject({ status: "pending", attempts: [{ outcome, status }] });
    expect(relay.retries.waiting).toHaveLength(1);
    // A lost connection is tried once more at once.
    expect(relay.destinations.received).toHaveLength(outcome === "unreachable" ? 2 : 1);
  });

  it("with a 429 waits as long as its Retry-After says", async () => {
    const { relay } = await firstAttempt(() => new Response(null, { status: 429, headers: { "retry-after": "120" } }));
    expect(relay.retries.waiting.map(({ dueAt }) => (dueAt - relay.now) / 1000)).toEqual([120]);
  });

  it("keeps an excerpt of the answer, however long the answer is", async () => {
    let pulled = 0;
    const endless: Answer = () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            pulled += 1;
            controller.enqueue(new TextEncoder().encode("x".repeat(100)));
          },
        }),
        { status: 500 },
      );
    const { delivery } = await firstAttempt(endless);
    expect((await delivery()).attempts[0]?.response_excerpt).toBe("x".repeat(512));
    expect(pulled).toBeLessThan(20);
  });

  it("is delivered by its status, even if the answer's body never ends", async () => {
    const dribbling: Answer = () =>
      new Response(new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array([111, 107])) }));
    const { delivery } = await firstAttempt(dribbling);
    expect(await delivery()).toMatchObject({ status: "delivered", attempts: [{ response_excerpt: "ok" }] });
  });
});

describe("a destination that is slow", () => {
  it("has its whole timeout_ms, from the first attempt on", async () => {
    const { relay, delivery } = await firstAttempt(okAfter(3_200), { timeout_ms: 5_000, retry_schedule_seconds: [] });
    expect(await delivery()).toMatchObject({ status: "delivered", attempts: [{ outcome: "delivered" }] });
    expect(relay.destinations.received).toHaveLength(1);
  });

  it("delays no message of another destination: its attempts go on behind the batch", async () => {
    const { relay, delivery } = await firstAttempt(statuses(500), { retry_schedule_seconds: [1] });
    relay.destinations.answer(url, okAfter(500));
    relay.passSeconds(1);
    let whenTheBatchReturns = "";
    relay.whenBatchReturns = async () => {
      whenTheBatchReturns = `${(await delivery()).status} ${relay.destinations.inFlight}`;
    };
    await relay.runBatch(relay.retries, "qonto-relay-retries", 1);
    expect(whenTheBatchReturns).toBe("pending 1");
    expect((await delivery()).status).toBe("delivered");
  });

  it("shows its latest success, however many newer deliveries are pending", async () => {
    const { relay, destination } = await firstAttempt(statuses(200), { max_per_second: 1 });
    await env.DB.prepare(
      `INSERT INTO deliveries (destination_id, received_at, event_id, status, attempts, next_attempt_at)
       SELECT ?1, ?2 + value, 'newer-' || value, 'pending', '[]', ?2 + 99999 FROM json_each(?3)`,
    )
      .bind(destination.id, relay.now + 1, JSON.stringify(Array.from({ length: 150 }, (_, index) => index)))
      .run();
    const { body } = await relay.api("GET", `/api/destinations/${destination.id}`);
    expect(body.health.last_success_at).toBe(new Date(relay.now).toISOString());
  });
});

describe("a destination that answers 410", () => {
  it("is disabled, visibly, and gets no further attempt", async () => {
    const { relay, destination, delivery } = await firstAttempt(statuses(410));
    expect(await delivery()).toMatchObject({ status: "dead", attempts: [{ outcome: "gone", status: 410 }] });
    const { body } = await relay.api("GET", `/api/destinations/${destination.id}`);
    expect(body).toMatchObject({ enabled: false, health: { state: "paused" } });
    await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    expect(relay.destinations.at(url)).toHaveLength(1);
  });
});

describe("a retry message", () => {
  it("that comes twice makes one attempt", async () => {
    const { relay } = await firstAttempt(statuses(500, 200));
    const [message] = relay.retries.sent;
    if (message) await relay.env.RETRIES.send(message.body);
    relay.passSeconds(5);
    await relay.runQueues();
    if (message) await relay.env.RETRIES.send(message.body);
    await relay.runQueues();
    expect(relay.destinations.at(url)).toHaveLength(2);
    expect(relay.retries.waiting).toEqual([]);
  });

  it("drains its destination once, whatever else its batch names", async () => {
    const relay = new TestRelay();
    const urls = [url, "https://other.example.com/hook"];
    for (const one of urls) {
      relay.destinations.answer(one, statuses(500, 200));
      await relay.addDestination(one, { retry_schedule_seconds: [5] });
    }
    await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    const bodies = relay.retries.sent.map(({ body }) => body);
    for (const body of bodies) await relay.env.RETRIES.send(body);
    relay.passSeconds(5);
    await relay.runBatch(relay.retries, "qonto-relay-retries", 4);
    expect(urls.map((one) => relay.destinations.at(one).length)).toEqual([2, 2]);
    expect(relay.retries.waiting).toEqual([]);
  });

  it("that is lost is made up for by the cron", async () => {
    const { relay, delivery } = await firstAttempt(statuses(500, 200));
    relay.retries.waiting = [];
    relay.passSeconds(5);
    await relay.runCron();
    expect(relay.retries.waiting).toEqual([]);
    relay.passSeconds(3);
    await relay.runCron();
    await relay.runQueues();
    expect((await delivery()).status).toBe("delivered");
  });

  it("whose consumer dies after its claim is made up for when the lease ends", async () => {
    const { relay, delivery } = await firstAttempt(statuses(500, 200));
    relay.passSeconds(5);
    // What a consumer leaves behind that claims and is gone: a lease.
    await env.DB.prepare("UPDATE deliveries SET next_attempt_at = ?1")
      .bind(relay.now + 60_000)
      .run();
    await relay.runQueues();
    expect(relay.destinations.at(url)).toHaveLength(1);
    relay.passSeconds(63);
    await relay.runCron();
    await relay.runQueues();
    expect((await delivery()).status).toBe("delivered");
  });

  it("to a disabled destination makes no attempt; enabled again, the destination gets its pending deliveries", async () => {
    const { relay, destination, delivery } = await firstAttempt(statuses(500, 200));
    await relay.api("PATCH", `/api/destinations/${destination.id}`, { enabled: false });
    relay.passSeconds(60);
    await relay.runQueues();
    await relay.runCron();
    await relay.runQueues();
    expect(relay.destinations.at(url)).toHaveLength(1);
    expect((await delivery()).status).toBe("pending");
    await relay.api("PATCH", `/api/destinations/${destination.id}`, { enabled: true });
    await relay.runCron();
    await relay.runQueues();
    expect((await delivery()).status).toBe("delivered");
  });
});

describe("a destination's health", () => {
  const healthOf = async (relay: TestRelay, id: string) =>
    (await relay.api("GET", `/api/destinations/${id}`)).body.health;
  const unimpeded = { circuit_opened_at: null, next_probe_at: null, held_until: null };

  it("follows its failures and its recovery", async () => {
    const { relay, destination } = await firstAttempt(statuses(200, 500, 500, 200), { retry_schedule_seconds: [1, 1] });
    const firstSuccess = new Date(relay.now).toISOString();
    expect(await healthOf(relay, destination.id)).toEqual({
      state: "healthy",
      consecutive_failures: 0,
      last_success_at: firstSuccess,
      last_failure_at: null,
      ...unimpeded,
    });

    relay.passSeconds(100);
    await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    relay.passSeconds(1);
    await relay.runQueues();
    const lastFailure = new Date(relay.now).toISOString();
    expect(await healthOf(relay, destination.id)).toEqual({
      state: "failing",
      consecutive_failures: 2,
      last_success_at: firstSuccess,
      last_failure_at: lastFailure,
      ...unimpeded,
    });

    relay.passSeconds(1);
    await relay.runQueues();
    expect(await healthOf(relay, destination.id)).toEqual({
      state: "healthy",
      consecutive_failures: 0,
      last_success_at: new Date(relay.now).toISOString(),
      last_failure_at: lastFailure,
      ...unimpeded,
    });
  });
});
