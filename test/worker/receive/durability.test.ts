import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { sleep } from "../../../src/platform/timeout.ts";
import { failing, hanging, interceptDatabase, never } from "../support/database.ts";
import { type Payload, businessRequest, makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { eventsIn } from "../support/queued-events.ts";

const brokenQueue = (send: () => Promise<never>) => ({ send, sendBatch: send, metrics: never }) as unknown as Queue;

const deaf = brokenQueue(() => Promise.reject(new Error("Queue send failed: overloaded")));
const stalled = brokenQueue(() => never);

beforeEach(emptyDatabase);

const destinationUrl = "https://destination.example.com/hook";

async function relayWithDestination(changes: ConstructorParameters<typeof TestRelay>[0]): Promise<TestRelay> {
  const setUp = new TestRelay();
  await setUp.addDestination(destinationUrl);
  return new TestRelay(changes);
}

async function answer(response: Response): Promise<unknown> {
  return { status: response.status, ...Object(await response.json()) };
}

describe("an accepted event", () => {
  it("costs one D1 call before its answer and one queue message behind it", async () => {
    const recording = [expect.stringContaining("INSERT INTO events")];
    const statements: (readonly string[])[] = [];
    const DB = interceptDatabase(env.DB, (call, proceed) => {
      statements.push(call.statements);
      return proceed();
    });
    const relay = new TestRelay({ DB });
    await relay.send(makePayload("v1/cards"));
    // Once in an isolate's life.
    expect(statements.shift()).toEqual([expect.stringContaining("d1_migrations"), ...recording]);
    await relay.send(makePayload("v1/cards"));
    expect(statements).toEqual([recording]);
    expect(relay.events.sent).toHaveLength(2);
  });

  it("is answered by the queue while D1 hangs, and delivered and recorded once D1 is back", async () => {
    const relay = await relayWithDestination({ DB: interceptDatabase(env.DB, hanging) });
    const payload = makePayload("v1/cards");
    expect(await (await relay.sendAndLeave(payload)).json()).toEqual({ status: "accepted", event_id: payload.id });

    const recovered = new TestRelay();
    for (const { body } of relay.events.sent) await recovered.env.EVENTS.send(body);
    await recovered.runQueues();
    expect(recovered.destinations.at(destinationUrl).map(({ text }) => text)).toEqual([JSON.stringify(payload)]);
    const shown = await recovered.api("GET", `/api/events/${payload.id}`);
    expect(shown.body).toMatchObject({ id: payload.id, type: "v1/cards", event: "created", state: "settled", payload });
  });

  it("is answered by the queue when D1 fails", async () => {
    const relay = new TestRelay({ DB: interceptDatabase(env.DB, failing) });
    const response = await relay.send(makePayload("v1/cards"));
    expect(response.status).toBe(200);
    expect(relay.events.sent).toHaveLength(1);
  });

  it("is tried again in D1 after an error that D1 says is passing", async () => {
    let calls = 0;
    const DB = interceptDatabase(env.DB, (_call, proceed) => {
      calls += 1;
      return calls === 1 ? Promise.reject(new Error("D1_ERROR: Network connection lost.")) : proceed();
    });
    const relay = new TestRelay({ DB, EVENTS: stalled });
    expect(await (await relay.sendAndLeave(makePayload("v1/cards"))).json()).toMatchObject({ status: "accepted" });
    expect(calls).toBe(2);
  });

  it("is no duplicate of itself when D1 loses the answer to a write that it made", async () => {
    let calls = 0;
    const DB = interceptDatabase(env.DB, async (_call, proceed) => {
      calls += 1;
      const results = await proceed();
      if (calls === 1) throw new Error("D1_ERROR: Network connection lost.");
      return results;
    });
    const relay = new TestRelay({ DB });
    expect(await (await relay.send(makePayload("v1/cards"))).json()).toMatchObject({ status: "accepted" });
    expect(relay.events.sent).toHaveLength(1);
  });

  it("is answered by D1 if it is late but there before a queue that hangs", async () => {
    const relay = new TestRelay({ EVENTS: stalled });
    const DB = interceptDatabase(env.DB, async (_call, proceed) => {
      await sleep(350, relay.clock);
      return proceed();
    });
    relay.env = { ...relay.env, DB };
    const response = await relay.sendAndLeave(makePayload("v1/cards"));
    expect(await response.json()).toMatchObject({ status: "accepted" });
  });

  it("is found by the cron when its message was never sent", async () => {
    const relay = await relayWithDestination({ EVENTS: deaf });
    const payload = makePayload("v1/cards");
    expect((await relay.send(payload)).status).toBe(200);

    const later = new TestRelay();
    later.passSeconds(31);
    await later.runCron();
    await later.runQueues();
    expect(later.destinations.at(destinationUrl).map(({ headers }) => headers.get("webhook-id"))).toEqual([payload.id]);
  });
});

describe("an event that neither store takes", () => {
  it.each([
    ["D1 hangs and the queue fails", hanging, deaf],
    ["D1 hangs and the queue hangs", hanging, stalled],
    ["D1 fails and the queue hangs", failing, stalled],
    ["D1 and the queue fail", failing, deaf],
  ])("is refused for Qonto to send again when %s", async (_title, intercept, EVENTS) => {
    const relay = new TestRelay({ DB: interceptDatabase(env.DB, intercept), EVENTS });
    const response = await relay.sendAndLeave(makePayload("v1/cards"));
    expect(response.headers.get("retry-after")).toMatch(/^\d+$/);
    expect(await answer(response)).toMatchObject({ status: 503, code: "not_stored" });
  });

  it("is refused when it is too large for a message and D1 hangs", async () => {
    const relay = new TestRelay({ DB: interceptDatabase(env.DB, hanging) });
    const large = makePayload("v1/cards", { data: { padding: "x".repeat(200_000) } });
    const response = await relay.sendAndLeave(large);
    expect(await answer(response)).toMatchObject({ status: 503, code: "not_stored" });
    expect(relay.events.sent).toEqual([]);
  });
});

/** What was given to the queue of an event: its body, or its id alone; and whether with the lease of its receipt. */
function sentOf(relay: TestRelay, receivedAt: number) {
  return relay.events.sent.flatMap(({ body }) =>
    eventsIn(body).map(({ lease_until, inline }) => [
      inline === null ? "by id" : "inline",
      lease_until === receivedAt + 30_000 ? "leased" : lease_until,
    ]),
  );
}

/** An event whose body has so many characters. */
function payloadOf(characters: number, character = "x"): Payload {
  const empty = makePayload("v1/cards", { data: { padding: "" } });
  const missing = characters - JSON.stringify(empty).length;
  return { ...empty, data: { ...Object(empty.data), padding: character.repeat(missing) } };
}

describe("the message behind the answer", () => {
  it.each([
    [4_096, "x", "inline"],
    [4_096, "€", "inline"],
    [4_097, "x", "by id"],
    [126_000, "x", "by id"],
    [200_000, "x", "by id"],
  ])("of a body of %i characters, %s, bears it %s, with its lease", async (characters, character, how) => {
    const relay = new TestRelay();
    const payload = payloadOf(characters, character);
    expect(JSON.stringify(payload)).toHaveLength(characters);
    const receivedAt = relay.now;
    await relay.send(payload);
    expect(sentOf(relay, receivedAt)).toEqual([[how, "leased"]]);
  });

  it("of an event that was recorded with another body is by its id, and has no lease", async () => {
    const lost = await relayWithDestination({ EVENTS: deaf });
    const payload = makePayload("v1/cards");
    await lost.send(payload);
    const relay = new TestRelay();
    relay.passSeconds(31);
    await relay.send({ ...payload, data: { other: true } });
    expect(sentOf(relay, relay.now)).toEqual([["by id", null]]);
    await relay.runQueues();
    expect(relay.destinations.at(destinationUrl).map(({ text }) => text)).toEqual([JSON.stringify(payload)]);
  });
});

describe("an event that the queue acknowledges because D1 is late", () => {
  it.each([2_000, 4_097, 70_000, 125_000])("is inline, at %i characters, and arrives", async (characters) => {
    const relay = await relayWithDestination({ DB: interceptDatabase(env.DB, hanging) });
    const payload = payloadOf(characters);
    const receivedAt = relay.now;
    expect((await relay.sendAndLeave(payload)).status).toBe(200);
    expect(sentOf(relay, receivedAt)).toEqual([["inline", "leased"]]);
    relay.env = { ...relay.env, DB: env.DB };
    await relay.runQueues();
    expect(relay.destinations.at(destinationUrl).map(({ text }) => text)).toEqual([JSON.stringify(payload)]);
  });

  it("is sent by its id when it is too large to be inline, once D1 has it", async () => {
    const relay = await relayWithDestination({});
    const DB = interceptDatabase(env.DB, async (_call, proceed) => {
      await sleep(350, relay.clock);
      return proceed();
    });
    relay.env = { ...relay.env, DB };
    const receivedAt = relay.now;
    await relay.send(payloadOf(127_000));
    expect(sentOf(relay, receivedAt)).toEqual([["by id", "leased"]]);
  });
});

describe("an event too large for a queue message", () => {
  it("travels by its id once D1 has it, and arrives byte for byte", async () => {
    const relay = await relayWithDestination({});
    const large = makePayload("v1/cards", { data: { padding: 'é😀"\\'.repeat(60_000) } });
    const text = JSON.stringify(large);
    const receivedAt = relay.now;
    expect((await relay.send(text)).status).toBe(200);
    expect(sentOf(relay, receivedAt)).toEqual([["by id", "leased"]]);
    await relay.runQueues();
    expect(relay.destinations.at(destinationUrl).map((request) => request.text)).toEqual([text]);
  });
});

describe("a duplicate", () => {
  it("is called one, costs no message and is delivered once", async () => {
    const relay = await relayWithDestination({});
    const payload = makePayload("v1/cards");
    expect(await (await relay.send(payload)).json()).toEqual({ status: "accepted", event_id: payload.id });
    expect(await (await relay.send(payload)).json()).toEqual({ status: "duplicate", event_id: payload.id });
    await relay.runQueues();
    relay.passSeconds(3_600);
    expect(await (await relay.send(payload)).json()).toEqual({ status: "duplicate", event_id: payload.id });
    await relay.runQueues();
    expect(relay.events.sent).toHaveLength(1);
    expect(relay.destinations.at(destinationUrl)).toHaveLength(1);
  });

  it("sent fifty times at once is one row and one delivery for each destination", async () => {
    const relay = await relayWithDestination({});
    const another = "https://another.example.com/hook";
    await relay.addDestination(another);
    const request = await relay.signed(makePayload("v1/cards"));
    const answers = await Promise.all(Array.from({ length: 50 }, () => relay.webhook(request)));
    const said = await Promise.all(answers.map(async (response) => (await response.json<{ status: string }>()).status));
    expect(said.filter((status) => status === "accepted")).toHaveLength(1);
    expect(said.filter((status) => status === "duplicate")).toHaveLength(49);
    await relay.runQueues();
    expect(relay.destinations.at(destinationUrl)).toHaveLength(1);
    expect(relay.destinations.at(another)).toHaveLength(1);
  });

  it("sends the message that was lost, once", async () => {
    const lost = await relayWithDestination({ EVENTS: deaf });
    const payload = makePayload("v1/cards");
    await lost.send(payload);

    const relay = new TestRelay();
    expect(await (await relay.send(payload)).json()).toMatchObject({ status: "duplicate" });
    expect(relay.events.sent).toEqual([]);
    relay.passSeconds(31);
    expect(await (await relay.send(payload)).json()).toMatchObject({ status: "duplicate" });
    relay.passSeconds(1);
    expect(await (await relay.send(payload)).json()).toMatchObject({ status: "duplicate" });
    expect(relay.events.sent).toHaveLength(1);
    await relay.runQueues();
    expect(relay.destinations.at(destinationUrl)).toHaveLength(1);
  });
});

describe("an unreadable event", () => {
  it.each([
    ["is no JSON", "no json"],
    ["is empty", ""],
    ["is a list", "[]"],
    ["has no id", '{"type":"v1/cards"}'],
    ["has no type", '{"id":"e1"}'],
    ["has an id that no header can carry", '{"id":"a\\nb","type":"v1/cards"}'],
    ["is no text", new Uint8Array([0xff, 0xfe, 0x00, 0x80])],
    [
      "breaks off inside a character",
      new Uint8Array(new TextEncoder().encode('{"id":"e1","type":"t","x":"é"}').slice(0, -3)),
    ],
  ])("that %s is kept, once, and can be looked at byte for byte", async (_title, body) => {
    const relay = new TestRelay();
    const request = await businessRequest(body, { secret: "test-secret", timestamp: Math.floor(relay.now / 1000) });
    for (let time = 0; time < 2; time += 1) {
      expect(await answer(await relay.webhook(request))).toEqual({ status: "quarantined", reason: "unreadable" });
    }
    const { body: page } = await relay.api("GET", "/api/quarantine");
    expect(page.data).toEqual([expect.objectContaining({ event_id: null, size_bytes: request.body.length })]);
    const shown = await relay.api("GET", `/api/quarantine/${page.data[0].id}`);
    expect(shown.body.body_base64).toBe(request.body.toBase64());
  });

  it("is taken by the queue while D1 hangs, and kept once D1 is back", async () => {
    const relay = new TestRelay({ DB: interceptDatabase(env.DB, hanging) });
    const response = await relay.sendAndLeave("unreadable while D1 hung");
    expect(await response.json()).toEqual({ status: "quarantined", reason: "unreadable" });

    const recovered = new TestRelay();
    for (const { body } of relay.events.sent) await recovered.env.EVENTS.send(body);
    await recovered.runQueues();
    const { body: page } = await recovered.api("GET", "/api/quarantine");
    const shown = await recovered.api("GET", `/api/quarantine/${page.data[0].id}`);
    expect(shown.body.body).toBe("unreadable while D1 hung");
  });
});
