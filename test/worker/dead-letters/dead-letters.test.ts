import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { firstLease } from "../../../src/domain/lease.ts";
import { byId, messageOf } from "../../../src/messages.ts";
import { MOST_WAITING } from "../../../src/store/quarantine.ts";
import { failing, interceptDatabase } from "../support/database.ts";
import { type Payload, makePayload } from "../../support/qonto.ts";
import { type HeldQueue, TestRelay, emptyDatabase } from "../support/relay.ts";
import { statuses } from "../support/destinations.ts";

beforeEach(emptyDatabase);

const destination = "https://destination.example.com/hook";

/** What the platform does with the messages of a queue that have failed in all their tries. */
function giveUpOn(relay: TestRelay, queue: HeldQueue): void {
  for (const message of queue.takeDue(100)) relay.deadLetters.hold({ ...message, tries: 0 });
}

const hold = (relay: TestRelay, id: string, body: unknown, tries = 0) =>
  relay.deadLetters.hold({ id, body: body as never, dueAt: relay.now, tries });

const bury = (relay: TestRelay, changes = {}) =>
  relay.runBatch(relay.deadLetters, "qonto-relay-dead-letters", 10, changes);

const letters = async (relay: TestRelay): Promise<any[]> => (await relay.api("GET", "/api/dead-letters")).body.data;

const replay = (relay: TestRelay, id: string) => relay.api("POST", `/api/dead-letters/${id}/replay`);

/** As it was sent a day ago. */
function messageWith(relay: TestRelay, ...payloads: readonly Payload[]) {
  const receivedAt = relay.now - 86_400_000;
  const about = { source: "business", received_at: receivedAt, content_type: "application/json" } as const;
  return messageOf(
    payloads.map((payload) => {
      const inline = { ...about, content_encoding: null, body: JSON.stringify(payload) };
      return { id: payload.id, lease_until: firstLease(receivedAt), inline };
    }),
  );
}

async function relayWithDestination(): Promise<TestRelay> {
  const relay = new TestRelay();
  await relay.addDestination(destination, { retry_schedule_seconds: [1] });
  return relay;
}

describe("a dead letter", () => {
  it("that alone holds an event is recorded with it, and the cron gives the event its next step", async () => {
    const relay = await relayWithDestination();
    const payload = makePayload("v1/cards");
    hold(relay, "m1", messageWith(relay, payload));
    await relay.runCron();
    await bury(relay);
    expect(relay.deadLetters.waiting).toEqual([]);
    const received_at = new Date(relay.now).toISOString();
    expect(await letters(relay)).toEqual([
      { id: "m1", kind: "event", event_id: payload.id, destination_id: null, received_at, replayed_at: null },
    ]);
    relay.passSeconds(30);
    await relay.runCron();
    await relay.runQueues();
    expect(relay.destinations.at(destination).map(({ text }) => text)).toEqual([JSON.stringify(payload)]);
  });

  it("is written of those events of a message that are not finished, and of no others", async () => {
    const relay = await relayWithDestination();
    const [finished, stuck] = [makePayload("v1/cards"), makePayload("v1/cards")];
    await relay.send(finished);
    await relay.runQueues();
    await relay.send(stuck);
    relay.events.waiting = [];
    hold(relay, "m1", messageOf([byId(finished.id, null), byId(stuck.id, null)]));
    await bury(relay);
    expect(await letters(relay)).toEqual([expect.objectContaining({ id: "m1-1", event_id: stuck.id })]);
  });

  it("about an event that is recorded changes nothing about it", async () => {
    const relay = await relayWithDestination();
    const payload = makePayload("v1/cards");
    await relay.send(payload);
    giveUpOn(relay, relay.events);
    await relay.send(payload);
    await bury(relay);
    const row = await env.DB.prepare("SELECT duplicates, received_at FROM events").first();
    expect(row).toEqual({ duplicates: 1, received_at: relay.now });
    relay.passSeconds(30);
    await relay.runCron();
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(1);
  });

  it("that alone holds an unreadable body is recorded with it", async () => {
    const relay = await relayWithDestination();
    const body_base64 = new Uint8Array([0xff, 0xfe]).toBase64();
    hold(relay, "m1", {
      kind: "quarantine",
      source: "business",
      received_at: 1,
      content_type: null,
      content_encoding: null,
      body_base64,
    });
    await bury(relay);
    expect(await letters(relay)).toEqual([expect.objectContaining({ kind: "quarantine", event_id: null })]);
    const [{ id }] = (await relay.api("GET", "/api/quarantine")).body.data;
    expect((await relay.api("GET", `/api/quarantine/${id}`)).body.body_base64).toBe(body_base64);
  });

  it("whose body the quarantine has no room for holds it itself", async () => {
    const relay = await relayWithDestination();
    await env.DB.prepare(
      `INSERT INTO quarantine (id, reason, source, received_at, size_bytes, body)
       SELECT 'copy' || value, 'unreadable', 'business', 1, 1, x'00' FROM json_each(?1)`,
    )
      .bind(JSON.stringify(Array.from({ length: MOST_WAITING }, (_, index) => index)))
      .run();
    hold(relay, "m1", {
      kind: "quarantine",
      source: "business",
      received_at: 1,
      content_type: null,
      content_encoding: null,
      body_base64: "/w==",
    });
    await bury(relay);
    expect(relay.deadLetters.waiting).toEqual([]);
    await relay.api("DELETE", "/api/quarantine/copy0");
    expect((await replay(relay, "m1")).status).toBe(202);
    await relay.runQueues();
    expect((await relay.api("GET", "/api/quarantine?limit=1")).body.data).toMatchObject([{ size_bytes: 1 }]);
  });

  it("of the retries names its destination, and the cron has it drained", async () => {
    const relay = await relayWithDestination();
    relay.destinations.answer(destination, statuses(500, 200));
    await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    relay.passSeconds(10);
    giveUpOn(relay, relay.retries);
    await bury(relay);
    const [{ id: destinationId }] = (await relay.api("GET", "/api/destinations")).body.data;
    expect(await letters(relay)).toEqual([expect.objectContaining({ destination_id: destinationId })]);
    await relay.runCron();
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(2);
  });

  it.each<[string, unknown]>([
    ["a text", "?"],
    ["nothing", null],
    ["a kind that this version does not know", { kind: "from-the-future", id: 7 }],
    ["what JSON cannot say", 7n],
  ])("that is %s is a record, too", async (_title, body) => {
    const relay = new TestRelay();
    hold(relay, "m1", body);
    await bury(relay);
    expect(relay.deadLetters.waiting).toEqual([]);
    expect(await letters(relay)).toEqual([expect.objectContaining({ kind: "unknown", event_id: null })]);
    expect(await replay(relay, "m1")).toMatchObject({ status: 409, body: { code: "not_replayable" } });
    expect((await letters(relay))[0].replayed_at).toBeNull();
  });

  it("delivered twice is recorded once", async () => {
    const relay = new TestRelay();
    for (let time = 0; time < 2; time += 1) {
      hold(relay, "m1", "?");
      await bury(relay);
    }
    expect(await letters(relay)).toHaveLength(1);
  });
});

describe("a dead letter with several events", () => {
  it("is recorded as one for each, which stay the same when it comes twice", async () => {
    const relay = await relayWithDestination();
    const [first, second, recorded] = [makePayload("v1/cards"), makePayload("v1/cards"), makePayload("v1/cards")];
    const message = messageWith(relay, first, second);
    for (let time = 0; time < 2; time += 1) {
      hold(relay, "m1", messageOf([...message.events, byId(recorded.id, 1)]));
      await bury(relay);
    }
    expect(relay.deadLetters.waiting).toEqual([]);
    expect(await letters(relay)).toMatchObject([
      { id: "m1-2", kind: "event", event_id: recorded.id, destination_id: null },
      { id: "m1-1", kind: "event", event_id: second.id, destination_id: null },
      { id: "m1-0", kind: "event", event_id: first.id, destination_id: null },
    ]);
    const { results } = await env.DB.prepare("SELECT id FROM events").all();
    expect(results.map(({ id }) => id).toSorted()).toEqual([first.id, second.id].toSorted());
  });

  it("has each replayed by itself, as another message, which holds no lease", async () => {
    const relay = await relayWithDestination();
    const [first, second] = [makePayload("v1/cards"), makePayload("v1/cards")];
    hold(relay, "m1", messageWith(relay, first, second));
    await bury(relay);
    expect((await replay(relay, "m1-1")).status).toBe(202);
    expect(relay.events.sent.map(({ body }) => body)).toEqual([
      messageOf(messageWith(relay, second).events.map((event) => ({ ...event, lease_until: null }))),
    ]);
    await relay.runQueues();
    expect(relay.destinations.at(destination).map(({ text }) => text)).toEqual([JSON.stringify(second)]);
  });
});

describe("while D1 is out of order a dead letter", () => {
  const DB = interceptDatabase(env.DB, failing);

  it("stays with its queue, and is recorded when D1 is back", async () => {
    const relay = new TestRelay();
    hold(relay, "m1", "?", 88);
    await bury(relay, { DB });
    expect(relay.deadLetters.waiting).toEqual([expect.objectContaining({ id: "m1", dueAt: relay.now + 600_000 })]);
    expect(relay.deadLetters.sent).toEqual([]);
    relay.passSeconds(600);
    await bury(relay);
    expect(await letters(relay)).toHaveLength(1);
  });

  it("is followed by a copy of itself from its 90th try on, for its queue drops it after the hundredth", async () => {
    const relay = await relayWithDestination();
    const payload = makePayload("v1/cards");
    hold(relay, "m1", messageWith(relay, payload), 89);
    await bury(relay, { DB });
    expect(relay.deadLetters.waiting).toEqual([expect.objectContaining({ tries: 0, dueAt: relay.now + 600_000 })]);
    relay.passSeconds(600);
    await bury(relay);
    expect(await letters(relay)).toEqual([expect.objectContaining({ event_id: payload.id })]);
    expect(relay.deadLetters.waiting).toEqual([]);
  });

  it("has the tries that are left when the copy fails, too", async () => {
    const relay = new TestRelay();
    hold(relay, "m1", "?", 98);
    const DEAD_LETTERS = { send: () => Promise.reject(new Error("Queue send failed")) };
    await bury(relay, { DB, DEAD_LETTERS });
    expect(relay.deadLetters.waiting).toEqual([expect.objectContaining({ id: "m1", tries: 99 })]);
  });
});

describe("the replay of a dead letter", () => {
  it("sends its message again, as often as it is asked to, and an event is delivered once", async () => {
    const relay = await relayWithDestination();
    const payload = makePayload("v1/cards");
    hold(relay, "m1", messageWith(relay, payload));
    await bury(relay);
    relay.passSeconds(1);
    for (let time = 0; time < 2; time += 1) {
      expect(await replay(relay, "m1")).toEqual({ status: 202, body: { status: "replayed" } });
      await relay.runQueues();
    }
    expect(relay.destinations.at(destination)).toHaveLength(1);
    expect((await letters(relay))[0].replayed_at).toBe(new Date(relay.now).toISOString());
  });

  it("sends a message of the retries there", async () => {
    const relay = await relayWithDestination();
    relay.destinations.answer(destination, statuses(500, 200));
    await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    relay.passSeconds(10);
    giveUpOn(relay, relay.retries);
    await bury(relay);
    const [{ id }] = await letters(relay);
    expect((await replay(relay, id)).status).toBe(202);
    expect(relay.retries.waiting).toHaveLength(1);
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(2);
  });

  it("of one that nobody knows is not found", async () => {
    expect(await replay(new TestRelay(), "unknown")).toMatchObject({ status: 404, body: { code: "not_found" } });
  });
});

describe("the list of dead letters", () => {
  it("is newest first, and paged", async () => {
    const relay = new TestRelay();
    for (const id of ["m1", "m2", "m3"]) {
      hold(relay, id, messageOf([byId(`event-of-${id}`, null)]));
      await bury(relay);
      relay.passSeconds(1);
    }
    const first = (await relay.api("GET", "/api/dead-letters?limit=2")).body;
    const second = (await relay.api("GET", `/api/dead-letters?limit=2&cursor=${first.next_cursor}`)).body;
    expect([...first.data, ...second.data]).toMatchObject([
      { id: "m3", event_id: "event-of-m3" },
      { id: "m2", event_id: "event-of-m2" },
      { id: "m1", event_id: "event-of-m1" },
    ]);
    expect(second.next_cursor).toBeNull();
  });

  it("does without what is thrown away", async () => {
    const relay = new TestRelay();
    hold(relay, "m1", "?");
    await bury(relay);
    expect(await relay.api("DELETE", "/api/dead-letters/m1")).toEqual({ status: 204, body: null });
    expect(await letters(relay)).toEqual([]);
    expect((await relay.api("DELETE", "/api/dead-letters/m1")).status).toBe(404);
  });
});
