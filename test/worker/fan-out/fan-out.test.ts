import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { byId, messageOf } from "../../../src/messages.ts";
import { type Intercept, interceptDatabase } from "../support/database.ts";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { changeEvents } from "../support/queued-events.ts";
import { hang, ok, okAfter, okAfterAMoment, statuses } from "../support/destinations.ts";

beforeEach(emptyDatabase);

const destination = "https://destination.example.com/hook";
const other = "https://other.example.com/hook";

async function stateOf(relay: TestRelay, id: string): Promise<string> {
  return (await relay.api("GET", `/api/events/${id}`)).body.state;
}

describe("a batch", () => {
  it("never has more than five calls in flight", async () => {
    const relay = new TestRelay();
    for (let count = 0; count < 8; count += 1) {
      await relay.addDestination(`${destination}/${count}`);
      relay.destinations.answer(`${destination}/${count}`, okAfterAMoment);
    }
    for (let count = 0; count < 10; count += 1) await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    expect(relay.destinations.received).toHaveLength(80);
    expect(relay.destinations.mostInFlight).toBe(5);
  });
});

describe("a message", () => {
  it("of another request than the row's finds the row's time of receipt", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination);
    const payload = makePayload("v1/cards");
    await relay.send(payload);
    relay.events.waiting = relay.events.waiting.map(({ body, ...message }) => ({
      ...message,
      body: changeEvents(body, (event) => ({
        ...event,
        inline: event.inline && { ...event.inline, received_at: event.inline.received_at - 5_000 },
      })),
    }));
    relay.passSeconds(31);
    await relay.runQueues();
    expect(await stateOf(relay, payload.id)).toBe("settled");
  });

  it("about an event that D1 does not have is acknowledged", async () => {
    const relay = new TestRelay();
    await relay.env.EVENTS.send(messageOf([byId("long-gone", null)]));
    await relay.runQueues();
    expect(relay.events.waiting).toEqual([]);
  });

  it("that no version of the relay wrote is left with the queue, and delays no other", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination);
    await relay.env.EVENTS.send({ kind: "from-the-future" } as never);
    await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(1);
    expect(relay.events.waiting).toHaveLength(1);
  });
});

describe("a consumer that dies", () => {
  /** D1 fails at the n-th call from here, before or after it has done what was asked. */
  const dieAt = (call: number, moment: "before" | "after"): Intercept => {
    let calls = 0;
    return async (_call, proceed) => {
      calls += 1;
      if (calls !== call) return proceed();
      if (moment === "after") await proceed();
      throw new Error("The consumer died");
    };
  };

  it.each([
    ["before it has read anything", 1, "before", 0],
    ["after it has read, and brought the state up to them", 1, "after", 0],
    ["before its deliveries are written down", 2, "before", 0],
    ["after its deliveries are written down", 2, "after", 0],
    ["before it claims for want of a lease", 2, "before", 11],
    ["after it claims for want of a lease", 2, "after", 11],
    ["with a claim, before its deliveries are written down", 3, "before", 11],
    ["with a claim, after its deliveries are written down", 3, "after", 11],
    ["after it has loaded a body by its id", 1, "after", 0, "x".repeat(5_000)],
    ["before it finds the lease of an event loaded by its id", 2, "before", 0, "x".repeat(5_000)],
    ["after it finds the lease of an event loaded by its id", 2, "after", 0, "x".repeat(5_000)],
    ["after the deliveries of an event loaded by its id are written down", 3, "after", 0, "x".repeat(5_000)],
  ] as const)(
    "%s leaves an event that is delivered all the same",
    async (...[, call, moment, secondsLater, padding]) => {
      const healthy = new TestRelay();
      await healthy.addDestination(destination);
      const payload = makePayload("v1/cards", { data: { padding } });

      const dying = new TestRelay({ DB: interceptDatabase(env.DB, dieAt(call, moment)) });
      await healthy.send(payload);
      dying.now = healthy.now;
      dying.events.waiting = healthy.events.waiting.splice(0);
      dying.passSeconds(secondsLater);
      healthy.passSeconds(secondsLater);
      await dying.runEventsBatch();
      const redelivered = dying.events.waiting;
      expect(redelivered).toHaveLength(1);

      healthy.passSeconds(10);
      for (const message of redelivered) healthy.events.hold(message);
      await healthy.runQueues();
      healthy.passSeconds(60);
      await healthy.runQueues();
      expect(healthy.events.waiting).toEqual([]);
      expect(
        [...dying.destinations.at(destination), ...healthy.destinations.at(destination)].length,
      ).toBeGreaterThanOrEqual(1);
      expect(await stateOf(healthy, payload.id)).toBe("settled");
      const { body } = await healthy.api("GET", `/api/events/${payload.id}`);
      expect(body.deliveries).toEqual([expect.objectContaining({ status: "delivered" })]);
    },
  );
});

describe("a claim that D1 took longer to grant than its lease lasts", () => {
  it("is not used: the event's message is repeated", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination);
    const payload = makePayload("v1/cards");
    await relay.send(payload);
    relay.passSeconds(31);
    const DB = interceptDatabase(env.DB, async ({ statements }, proceed) => {
      const results = await proceed();
      if (statements[0]?.includes("SET lease_until")) relay.passSeconds(60);
      return results;
    });
    await relay.runEventsBatch({ DB });
    expect(relay.destinations.received).toEqual([]);
    expect(relay.events.waiting).toHaveLength(1);
    relay.passSeconds(5);
    await relay.runQueues();
    expect(await stateOf(relay, payload.id)).toBe("settled");
    expect(relay.destinations.received).toHaveLength(1);
  });
});

describe("a destination that hangs", () => {
  it("gets no more attempts from the batch in which it timed out: the rest is left to the retries", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination, { timeout_ms: 100 });
    await relay.addDestination(other);
    relay.destinations.answer(destination, hang);
    await relay.sendTogether(Array.from({ length: 20 }, () => makePayload("v1/cards")));
    await relay.runEventsBatch();
    expect(relay.destinations.at(other)).toHaveLength(20);
    // A handful hung side by side; what was left went to the retries without being tried.
    const tried = relay.destinations.at(destination).length;
    expect(tried).toBeLessThanOrEqual(5);
    expect(relay.retries.sent.map(({ delaySeconds }) => delaySeconds).toSorted()).toEqual([0, 5]);
    relay.destinations.answer(destination, ok);
    relay.passSeconds(5);
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(tried + 20);
  });
});

describe("attempts that are still in flight after a second", () => {
  it("isolate their destination at once: the next batch does not wait for it", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination);
    relay.destinations.answer(destination, okAfter(1_300));
    await relay.send(makePayload("v1/cards"));
    let attemptedByTheNext = -1;
    relay.whenBatchReturns = async () => {
      relay.whenBatchReturns = async () => undefined;
      await relay.send(makePayload("v1/cards"));
      await relay.runEventsBatch();
      attemptedByTheNext = relay.destinations.at(destination).length - 1;
    };
    await relay.runEventsBatch();
    expect(attemptedByTheNext).toBe(0);
    relay.destinations.answer(destination, ok);
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(2);
  });

  it("delay nobody, and are recorded when they end", async () => {
    const relay = new TestRelay();
    const slowAnswers = Array.from({ length: 6 }, (_, count) => `${destination}/${count}`);
    for (const url of slowAnswers) {
      await relay.addDestination(url);
      relay.destinations.answer(url, okAfter(1_300));
      relay.passSeconds(1);
    }
    await relay.addDestination(other);
    const payload = makePayload("v1/cards");
    await relay.send(payload);

    let deliveriesBehindTheBatch = "";
    relay.whenBatchReturns = async () => {
      const { body } = await relay.api("GET", `/api/events/${payload.id}`);
      deliveriesBehindTheBatch = body.deliveries.map(({ status }: { status: string }) => status).join(" ");
    };
    await relay.runEventsBatch();
    // Five have the connections; what found none, the quick destination included, is left to the retries.
    expect(deliveriesBehindTheBatch).toBe(Array(7).fill("pending").join(" "));
    await relay.runQueues();
    const { body } = await relay.api("GET", `/api/events/${payload.id}`);
    expect(body.deliveries).toHaveLength(7);
    expect(body).toMatchObject({
      state: "settled",
      deliveries: [...slowAnswers, other].map(() => ({ status: "delivered" })),
    });
    expect(relay.destinations.received).toHaveLength(7);
  });

  it("do not delay the events after them", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination);
    await relay.addDestination(other);
    relay.destinations.answer(destination, okAfter(1_300));
    for (let count = 0; count < 10; count += 1) await relay.send(makePayload("v1/cards"));
    let receivedByOthers = 0;
    relay.whenBatchReturns = async () => {
      receivedByOthers = relay.destinations.at(other).length;
    };
    await relay.runEventsBatch();
    expect(receivedByOthers).toBe(10);
  });
});

describe("a destination that keeps failing, or was slow,", () => {
  it.each([
    ["hung", hang, 0],
    ["answered 500 three times", statuses(500), 2],
    ["took more than a second", okAfter(1_100), 0],
  ] as const)(
    "because it %s is served by the retries from then on, until it answers well and quickly",
    async (_title, answer, forgiven) => {
      const relay = new TestRelay();
      await relay.addDestination(destination, { timeout_ms: 1_500, retry_schedule_seconds: [1, 1] });
      relay.destinations.answer(destination, answer);
      for (let asked = 1; asked <= forgiven + 1; asked += 1) {
        await relay.send(makePayload("v1/cards"));
        await relay.runEventsBatch();
        expect(relay.destinations.at(destination)).toHaveLength(asked);
      }

      await relay.send(makePayload("v1/cards"));
      await relay.runEventsBatch();
      expect(relay.destinations.at(destination)).toHaveLength(forgiven + 1);
      relay.destinations.answer(destination, ok);
      relay.passSeconds(1);
      await relay.runQueues();
      const taken = relay.destinations.at(destination).slice(forgiven + 1);
      expect(taken.some(({ headers }) => headers.get("x-relay-attempt") === "1")).toBe(true);

      await relay.send(makePayload("v1/cards"));
      const before = relay.destinations.at(destination).length;
      await relay.runEventsBatch();
      expect(relay.destinations.at(destination)).toHaveLength(before + 1);
    },
  );
});

describe("an event", () => {
  it("that no destination wants is unmatched, and visible", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination, { types: ["v1/transfers"] });
    const payload = makePayload("v1/cards");
    await relay.send(payload);
    expect(await stateOf(relay, payload.id)).toBe("pending");
    await relay.runQueues();
    expect(await stateOf(relay, payload.id)).toBe("unmatched");
    expect(relay.destinations.received).toEqual([]);
  });

  it("is pending until each delivery has ended", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination, { retry_schedule_seconds: [1] });
    await relay.addDestination(other);
    relay.destinations.answer(destination, statuses(500, 200));
    const payload = makePayload("v1/cards");
    await relay.send(payload);
    await relay.runQueues();
    expect(await stateOf(relay, payload.id)).toBe("pending");
    relay.passSeconds(1);
    await relay.runQueues();
    expect(await stateOf(relay, payload.id)).toBe("settled");
    expect(relay.destinations.at(other)).toHaveLength(1);
  });

  it("goes out with its content type", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination);
    const request = await relay.signed(makePayload("v1/cards"));
    await relay.webhook({
      ...request,
      headers: { ...request.headers, "content-type": "application/json; charset=utf-8" },
    });
    await relay.runQueues();
    expect(relay.destinations.at(destination)[0]?.headers.get("content-type")).toBe("application/json; charset=utf-8");
  });

  it("is not sent to a destination whose URL is no longer allowed", async () => {
    const lenient = new TestRelay({ ALLOW_PRIVATE_DESTINATIONS: "true" });
    await lenient.addDestination("http://127.0.0.1:9999/");
    const strict = new TestRelay();
    const payload = makePayload("v1/cards");
    await strict.send(payload);
    await strict.runQueues();
    expect(strict.destinations.received).toEqual([]);
    const { body } = await strict.api("GET", `/api/events/${payload.id}`);
    expect(body.deliveries[0].attempts).toEqual([expect.objectContaining({ outcome: "refused", status: null })]);
  });
});
