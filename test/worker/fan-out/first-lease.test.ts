import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { type Intercept, interceptDatabase } from "../support/database.ts";
import { type Payload, makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { changeEvents } from "../support/queued-events.ts";

/** An event is recorded with the lease of its own message, so that the usual road needs no claim. */

beforeEach(emptyDatabase);

const destination = "https://destination.example.com/hook";
const other = "https://other.example.com/hook";

async function relayWithDestination(): Promise<{ relay: TestRelay; id: string; payload: Payload }> {
  const relay = new TestRelay();
  const { id } = await relay.addDestination(destination);
  return { relay, id, payload: makePayload("v1/cards") };
}

const claimsOf = ({ id }: Payload) =>
  env.DB.prepare("SELECT claims FROM events WHERE id = ?1").bind(id).first<number>("claims");

/** By the latest state. */
async function eventsShown(): Promise<unknown[]> {
  const { results } = await env.DB.prepare("SELECT id FROM resources JOIN events ON events.seq = event_seq").all();
  return results.map(({ id }) => id);
}

async function stateOf(relay: TestRelay, { id }: Payload): Promise<string> {
  expect((await relay.api("GET", "/api/ledger")).body.balanced).toBe(true);
  return (await relay.api("GET", `/api/events/${id}`)).body.state;
}

const runBatch = (relay: TestRelay, changes = {}) => relay.runEventsBatch(changes);

/** The message was with a consumer before, of which nobody knows what became. */
function redeliver(relay: TestRelay): void {
  relay.events.waiting = relay.events.waiting.map((message) => ({ ...message, tries: 1 }));
}

describe("the message of an event's own receiver", () => {
  it("needs no claim", async () => {
    const { relay, payload } = await relayWithDestination();
    await relay.send(payload);
    expect(await stateOf(relay, payload)).toBe("pending");
    await relay.runQueues();
    expect(await stateOf(relay, payload)).toBe("settled");
    expect(await claimsOf(payload)).toBe(0);
  });

  it("is acted on once, though it is twice in a batch or is repeated later", async () => {
    const { relay, payload } = await relayWithDestination();
    await relay.send(payload);
    const [message] = relay.events.sent;
    for (let copies = 0; copies < 2; copies += 1) {
      if (message) await relay.env.EVENTS.send(message.body);
      await relay.runQueues();
    }
    expect(relay.destinations.at(destination)).toHaveLength(1);
    expect(relay.events.waiting).toEqual([]);
  });

  it("waits for the lease to end when a consumer has had it before", async () => {
    const { relay, payload } = await relayWithDestination();
    await relay.send(payload);
    redeliver(relay);
    await relay.runQueues();
    expect(relay.destinations.received).toEqual([]);
    relay.passSeconds(31);
    await relay.runQueues();
    expect(await stateOf(relay, payload)).toBe("settled");
    expect(await claimsOf(payload)).toBe(1);
  });

  it.each([
    ["10 s old goes by its lease", 10, 0],
    ["11 s old has it renewed: first attempts take their time", 11, 1],
    ["31 s old claims: the lease is over", 31, 1],
  ])("that is %s", async (_title, seconds, claims) => {
    const { relay, payload } = await relayWithDestination();
    const receivedAt = relay.now;
    await relay.send(payload);
    relay.now = receivedAt + 1_000 * seconds;
    await relay.runQueues();
    expect(await stateOf(relay, payload)).toBe("settled");
    expect(await claimsOf(payload)).toBe(claims);
    expect(relay.destinations.at(destination)).toHaveLength(1);
  });

  it("claims when D1 stalled until the lease was too short", async () => {
    const { relay, payload } = await relayWithDestination();
    await relay.send(payload);
    let isStalled = false;
    const stalls: Intercept = async (_call, proceed) => {
      const results = await proceed();
      if (!isStalled) relay.passSeconds(15);
      isStalled = true;
      return results;
    };
    await runBatch(relay, { DB: interceptDatabase(env.DB, stalls) });
    expect(await claimsOf(payload)).toBe(1);
    expect(relay.destinations.at(destination)).toHaveLength(1);
  });

  it("is repeated when the claim of another event in its batch has used up the lease", async () => {
    const { relay, payload } = await relayWithDestination();
    await relay.send(payload);
    const claimed = makePayload("v1/cards");
    await relay.send(claimed);
    relay.events.waiting = relay.events.waiting.map(({ body, ...message }) => ({
      ...message,
      body: changeEvents(body, (event) => (event.id === claimed.id ? { ...event, lease_until: null } : event)),
    }));
    await env.DB.prepare("UPDATE events SET lease_until = NULL WHERE id = ?1").bind(claimed.id).run();
    const stalls: Intercept = async ({ statements }, proceed) => {
      const results = await proceed();
      if (statements[0]?.includes("SET lease_until")) relay.passSeconds(20);
      return results;
    };
    await runBatch(relay, { DB: interceptDatabase(env.DB, stalls) });
    expect(relay.destinations.at(destination).map(({ headers }) => headers.get("webhook-id"))).toEqual([claimed.id]);
    relay.passSeconds(31);
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(2);
    expect(await stateOf(relay, payload)).toBe("settled");
  });

  it("of an event that an earlier version of the relay recorded claims", async () => {
    const { relay, payload } = await relayWithDestination();
    await relay.send(payload);
    await env.DB.prepare("UPDATE events SET lease_until = NULL, recipients = NULL").run();
    await relay.runQueues();
    expect(await stateOf(relay, payload)).toBe("settled");
    expect(relay.destinations.at(destination)).toHaveLength(1);
  });
});

describe("a message of another request about the same event", () => {
  const fromAnother = (relay: TestRelay) =>
    relay.events.waiting.map(({ body, ...message }) => ({
      ...message,
      id: "another",
      body: changeEvents(body, (event) => ({ ...event, lease_until: event.lease_until && event.lease_until - 1 })),
    }));

  it("is acknowledged when it is in one batch with the event's own", async () => {
    const { relay, payload } = await relayWithDestination();
    await relay.send(payload);
    relay.events.waiting = [...relay.events.waiting, ...fromAnother(relay)];
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(1);
    expect(relay.events.waiting).toEqual([]);
    expect(await claimsOf(payload)).toBe(0);
  });

  it("waits for the lease to end, and is then acknowledged if the event has been handled", async () => {
    const { relay, payload } = await relayWithDestination();
    await relay.send(payload);
    const own = relay.events.waiting;
    relay.events.waiting = fromAnother(relay);
    await relay.runQueues();
    expect(relay.destinations.received).toEqual([]);
    relay.events.waiting.push(...own);
    await relay.liveThrough(32);
    expect(relay.destinations.at(destination)).toHaveLength(1);
    expect(relay.events.waiting).toEqual([]);
  });
});

describe("between an event's receipt and its fan-out", () => {
  it("a destination that is added gets it, also when nobody else wants it", async () => {
    const { relay, payload } = await relayWithDestination();
    await relay.send(payload);
    const nobodys = makePayload("registrations.completed");
    await env.DB.prepare("UPDATE destinations SET types = '[\"v1/*\"]'").run();
    await relay.sendOnboarding(nobodys);
    await relay.addDestination(other);
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(1);
    expect(relay.destinations.at(other)).toHaveLength(2);
    expect(await stateOf(relay, payload)).toBe("settled");
    expect(await stateOf(relay, nobodys)).toBe("settled");
  });

  it.each([
    ["is paused", "PATCH", { enabled: false }],
    ["wants other types from now on", "PATCH", { types: ["v1/transfers"] }],
    ["is removed", "DELETE", undefined],
  ])("a destination that %s is no recipient, and does not delay it", async (_title, method, body) => {
    const { relay, id, payload } = await relayWithDestination();
    await relay.addDestination(other);
    await relay.send(payload);
    await relay.api(method, `/api/destinations/${id}`, body);
    expect(await stateOf(relay, payload)).toBe("pending");
    await relay.runQueues();
    expect(relay.destinations.received.map(({ url }) => url)).toEqual([other]);
    expect(await stateOf(relay, payload)).toBe("settled");
  });

  it("the only destination that wants it is removed: it is unmatched", async () => {
    const { relay, id, payload } = await relayWithDestination();
    await relay.send(payload);
    await relay.api("DELETE", `/api/destinations/${id}`);
    await relay.runQueues();
    expect(await stateOf(relay, payload)).toBe("unmatched");
  });

  it("a replay of it changes nothing: its recipients get it anyway, by the cron if its message was lost", async () => {
    const { relay, id, payload } = await relayWithDestination();
    await relay.send(payload);
    relay.events.waiting = [];
    await relay.api("POST", `/api/events/${payload.id}/replay`, {});
    await relay.api("POST", `/api/events/${payload.id}/replay`, { destination_id: id });
    await relay.runQueues();
    expect(relay.destinations.received).toEqual([]);
    relay.passSeconds(31);
    await relay.runCron();
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(1);
    expect(await eventsShown()).toEqual([payload.id]);
  });
});

describe("an event that nobody wants", () => {
  it("is unmatched only when the latest state is updated from it, however long its message was lost", async () => {
    const relay = new TestRelay();
    const payload = makePayload("v1/cards");
    await relay.send(payload);
    relay.events.waiting = [];
    relay.passSeconds(31);
    expect(await stateOf(relay, payload)).toBe("pending");
    await relay.runCron();
    await relay.runQueues();
    expect(await stateOf(relay, payload)).toBe("unmatched");
    expect(await eventsShown()).toEqual([payload.id]);
  });
});
