import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { type QueuedEvent, byId, messageOf } from "../../../src/messages.ts";
import { type Intercept, interceptDatabase } from "../support/database.ts";
import { type Payload, makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { eventsIn } from "../support/queued-events.ts";

/** Several events in one message, and more in a batch than a consumer handles at once. */

beforeEach(emptyDatabase);

const destination = "https://destination.example.com/hook";

/** Events that are recorded, and sent in messages of these sizes. */
async function relayWithMessages(...sizes: readonly number[]): Promise<{ relay: TestRelay; ids: string[] }> {
  const relay = new TestRelay();
  await relay.addDestination(destination);
  for (let left = sizes.reduce((sum, size) => sum + size); left > 0; left -= 1) {
    await relay.send(makePayload("v1/cards"));
  }
  const events = relay.events.waiting.splice(0).flatMap(({ body }) => eventsIn(body));
  const ids = events.map(({ id }) => id);
  for (const size of sizes) await relay.env.EVENTS.send(messageOf(events.splice(0, size)));
  return { relay, ids };
}

const receivedIds = (relay: TestRelay) =>
  relay.destinations.at(destination).map(({ headers }) => headers.get("webhook-id") ?? "");

const sizesWaiting = (relay: TestRelay) => relay.events.waiting.map(({ body }) => eventsIn(body).length);

const dueInSeconds = (relay: TestRelay) => relay.events.waiting.map(({ dueAt }) => (dueAt - relay.now) / 1000);

/** Another consumer has claimed the event. */
const claim = (id: string | undefined, until: number) =>
  env.DB.prepare("UPDATE events SET claims = 1, lease_until = ?2 WHERE id = ?1").bind(id, until).run();

/** D1 fails at the n-th call from here and at all that follow. */
function failingFrom(call: number): Intercept {
  let calls = 0;
  return (_call, proceed) => {
    calls += 1;
    return calls < call ? proceed() : Promise.reject(new Error("D1_ERROR: out of order"));
  };
}

describe("a message of several events", () => {
  it("is acknowledged when all of them are handled", async () => {
    const { relay, ids } = await relayWithMessages(3);
    await relay.runEventsBatch();
    expect(receivedIds(relay).toSorted()).toEqual(ids.toSorted());
    expect(relay.events.waiting).toEqual([]);
  });

  it.each([
    ["first", 0],
    ["last", 2],
  ])("is repeated for the one that is busy, the %s, and repeats no other", async (_title, busy) => {
    const { relay, ids } = await relayWithMessages(3);
    await claim(ids[busy], relay.now + 12_000);
    await relay.runEventsBatch();
    expect(receivedIds(relay).toSorted()).toEqual(ids.toSpliced(busy, 1).toSorted());
    expect(dueInSeconds(relay)).toEqual([13]);
    relay.passSeconds(13);
    await relay.runQueues();
    expect(receivedIds(relay).toSorted()).toEqual(ids.toSorted());
    expect(relay.events.waiting).toEqual([]);
  });

  it.each([
    [40, 12, 13],
    [12, 40, 13],
  ])("is repeated when the first of several can be handled", async (one, other, seconds) => {
    const { relay, ids } = await relayWithMessages(3);
    await claim(ids[0], relay.now + one * 1_000);
    await claim(ids[2], relay.now + other * 1_000);
    await relay.runEventsBatch();
    expect(dueInSeconds(relay)).toEqual([seconds]);
    relay.passSeconds(60);
    await relay.runQueues();
    expect(receivedIds(relay).toSorted()).toEqual(ids.toSorted());
  });
});

describe("a batch of more events than are handled at once", () => {
  /** Chunks of 25, 25 and 10 events; each costs two D1 calls. */
  const relayWithThreeChunks = () => relayWithMessages(20, 5, 20, 15);

  it("is handled as a whole", async () => {
    const { relay, ids } = await relayWithThreeChunks();
    await relay.runEventsBatch();
    expect(receivedIds(relay).toSorted()).toEqual(ids.toSorted());
    expect(relay.events.waiting).toEqual([]);
  });

  it.each([
    ["the first chunk cannot be read", 1, [20, 5, 20, 15], 60],
    ["the second chunk cannot be read", 3, [20, 15], 60],
    ["the second chunk cannot be recorded", 4, [20, 15], 85],
    ["the third chunk cannot be read", 5, [15], 60],
    ["the third chunk cannot be recorded", 6, [15], 70],
  ])(
    "of which %s leaves the messages of the others, and repeats no chunk before",
    async (...[, call, left, attempts]) => {
      const { relay, ids } = await relayWithThreeChunks();
      await relay.runEventsBatch({ DB: interceptDatabase(env.DB, failingFrom(call)) });
      expect(sizesWaiting(relay)).toEqual(left);
      expect(dueInSeconds(relay)).toEqual(left.map(() => 10));
      relay.passSeconds(60);
      await relay.runQueues();
      expect(new Set(receivedIds(relay))).toEqual(new Set(ids));
      expect(relay.destinations.at(destination)).toHaveLength(attempts);
      expect(relay.events.waiting).toEqual([]);
    },
  );
});

describe("an event that is in several messages of a batch", () => {
  it("is handled once, by its lease, however far they are apart", async () => {
    const { relay, ids } = await relayWithMessages(25, 25);
    const [message] = relay.events.waiting;
    if (message) await relay.env.EVENTS.send(message.body);
    await relay.runEventsBatch();
    expect(receivedIds(relay).toSorted()).toEqual(ids.toSorted());
    expect(relay.events.waiting).toEqual([]);
    expect(await env.DB.prepare("SELECT max(claims) AS claims FROM events").first("claims")).toBe(0);
  });

  it("and that nobody wants is unmatched", async () => {
    const relay = new TestRelay();
    const payload = makePayload("v1/cards");
    await relay.send(payload);
    for (const { body } of relay.events.sent.slice()) await relay.env.EVENTS.send(body);
    await relay.runEventsBatch();
    expect(relay.events.waiting).toEqual([]);
    expect((await relay.api("GET", `/api/events/${payload.id}`)).body.state).toBe("unmatched");
  });

  it.each([
    ["the one that names it only comes first", true],
    ["the one that carries it comes first", false],
  ])("is recorded from the one that carries it when D1 has not: %s", async (_title, namedFirst) => {
    const relay = new TestRelay();
    await relay.addDestination(destination);
    const payload = makePayload("v1/cards");
    const messages = [messageOf([byId(payload.id, null)]), messageOf([inline(relay, payload)])];
    for (const message of namedFirst ? messages : messages.toReversed()) await relay.env.EVENTS.send(message);
    await relay.runEventsBatch();
    expect(receivedIds(relay)).toEqual([payload.id]);
    expect((await relay.api("GET", `/api/events/${payload.id}`)).body.state).toBe("settled");
    expect(relay.events.waiting).toEqual([]);
  });

  it.each([
    ["the one before", -1],
    ["the one behind", 1],
  ])("goes by the lease of either: that of %s is another's", async (_title, apart) => {
    const { relay, ids } = await relayWithMessages(1);
    const [own] = relay.events.waiting.flatMap(({ body }) => eventsIn(body));
    if (own) await relay.env.EVENTS.send(messageOf([{ ...own, lease_until: (own.lease_until ?? 0) + apart }]));
    await relay.runEventsBatch();
    expect(receivedIds(relay)).toEqual(ids);
    expect(relay.events.waiting).toEqual([]);
  });
});

function inline(relay: TestRelay, payload: Payload): QueuedEvent {
  const about = { source: "business", received_at: relay.now, content_type: null, content_encoding: null } as const;
  return { id: payload.id, lease_until: relay.now + 30_000, inline: { ...about, body: JSON.stringify(payload) } };
}
