import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { sleep } from "../../../src/platform/timeout.ts";
import type { QueueMessage } from "../../../src/messages.ts";
import { type Intercept, Meter, failing, hanging, interceptDatabase } from "../support/database.ts";
import { type Payload, makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { eventsIn } from "../support/queued-events.ts";

/** Requests that wait at the same moment are recorded by one D1 call, and their messages sent by one. */

beforeEach(emptyDatabase);

const destination = "https://destination.example.com/hook";

const somePayloads = (count: number) => Array.from({ length: count }, () => makePayload("v1/cards"));

/** Counts how often the queue is called, which takes its time. */
function countSends(relay: TestRelay): { sends: number } {
  const counter = { sends: 0 };
  relay.events.beforeSend = async () => {
    counter.sends += 1;
    await sleep(20, relay.clock);
  };
  return counter;
}

/** Lets a batch pass, or not, before the queue takes it. */
function beforeBatches(relay: TestRelay, pass: (bodies: readonly QueueMessage[]) => void): void {
  const { EVENTS } = relay.env;
  const sendBatch: typeof EVENTS.sendBatch = async (messages) => {
    const all = [...messages];
    pass(all.map(({ body }) => body));
    return EVENTS.sendBatch(all);
  };
  relay.env = { ...relay.env, EVENTS: { ...EVENTS, sendBatch } };
}

/** Of the events that were given to the queue, in whatever messages. */
const idsSent = (relay: TestRelay) => relay.events.sent.flatMap(({ body }) => eventsIn(body).map(({ id }) => id));

const sendAll = (relay: TestRelay, payloads: readonly (Payload | string)[]) =>
  Promise.all(payloads.map((payload) => relay.send(payload)));

const wordsOf = (responses: readonly Response[]) =>
  Promise.all(responses.map(async (response) => (await response.json<{ status: string }>()).status));

async function countsInDatabase(): Promise<unknown> {
  return env.DB.prepare("SELECT count(*) AS events, coalesce(sum(duplicates), 0) AS duplicates FROM events").first();
}

describe("sixteen requests at once", () => {
  it("cost two D1 calls, two sends and two messages, and all of it arrives", async () => {
    const meter = new Meter();
    const relay = new TestRelay({ DB: interceptDatabase(env.DB, meter.intercept) });
    await relay.addDestination(destination);
    const counter = countSends(relay);
    meter.calls = 0;
    const payloads = somePayloads(16);
    expect(await wordsOf(await sendAll(relay, payloads))).toEqual(payloads.map(() => "accepted"));
    expect(meter.calls).toBe(2);
    expect(counter.sends).toBe(2);
    expect(relay.events.sent).toHaveLength(2);
    await relay.runQueues();
    expect(relay.destinations.at(destination).map(({ headers }) => headers.get("webhook-id"))).toEqual(
      expect.arrayContaining(payloads.map(({ id }) => id)),
    );
  });

  it("of the same event are one row, one message and fifteen duplicates", async () => {
    const relay = new TestRelay();
    const payload = makePayload("v1/cards");
    const words = await wordsOf(await sendAll(relay, Array<Payload>(16).fill(payload)));
    expect(words.toSorted()).toEqual(["accepted", ...Array<string>(15).fill("duplicate")]);
    expect(await countsInDatabase()).toEqual({ events: 1, duplicates: 15 });
    expect(relay.events.sent).toHaveLength(1);
  });

  it("whose D1 call loses its answer are no duplicates of themselves", async () => {
    let calls = 0;
    const DB = interceptDatabase(env.DB, async (_call, proceed) => {
      const results = await proceed();
      calls += 1;
      if (calls <= 6) throw new Error("D1_ERROR: Network connection lost.");
      return results;
    });
    const relay = new TestRelay({ DB });
    const words = await wordsOf(await sendAll(relay, somePayloads(16)));
    expect(words).toEqual(Array<string>(16).fill("accepted"));
    expect(await countsInDatabase()).toEqual({ events: 16, duplicates: 0 });
    expect(idsSent(relay)).toHaveLength(16);
  });

  /** One of them is more than D1 can take: the call that holds it fails. */
  const refusing =
    (id: string): Intercept =>
    async (_call, proceed) => {
      const results = await proceed();
      const { results: found } = await env.DB.prepare("SELECT id FROM events WHERE id = ?1").bind(id).all();
      if (found.length > 0) {
        await env.DB.prepare("DELETE FROM events").run();
        throw new Error("D1_ERROR: string or blob too big");
      }
      return results;
    };

  it("of which D1 cannot take one: that one is for the queue, the others D1 has", async () => {
    const payloads = somePayloads(16);
    const bad = payloads[9]?.id ?? "";
    const relay = new TestRelay({ DB: interceptDatabase(env.DB, refusing(bad)) });
    const responses = await sendAll(relay, payloads);
    expect(await wordsOf(responses)).toEqual(Array<string>(16).fill("accepted"));
    expect(idsSent(relay).toSorted()).toEqual(payloads.map(({ id }) => id).toSorted());
  });

  it.each([
    ["fails", failing],
    ["hangs", hanging],
  ])("while D1 %s are answered by the queue, each with its own message", async (_title, intercept) => {
    const relay = new TestRelay({ DB: interceptDatabase(env.DB, intercept) });
    const payloads = somePayloads(16);
    const responses = await Promise.all(payloads.map((payload) => relay.sendAndLeave(payload)));
    expect(await wordsOf(responses)).toEqual(Array<string>(16).fill("accepted"));
    expect(relay.events.sent).toHaveLength(16);
  });

  it("while neither store answers are refused, each", async () => {
    const DB = interceptDatabase(env.DB, hanging);
    const EVENTS = { send: () => new Promise(() => undefined) } as unknown as Queue<QueueMessage>;
    const relay = new TestRelay({ DB, EVENTS });
    const responses = await Promise.all(somePayloads(16).map((payload) => relay.sendAndLeave(payload)));
    expect(responses.map(({ status }) => status)).toEqual(Array<number>(16).fill(503));
  });

  it("whose messages the queue refuses to take together are sent alone", async () => {
    const relay = new TestRelay();
    beforeBatches(relay, (bodies) => {
      if (bodies.length > 1) throw new Error("Queue sendBatch failed: too large");
    });
    const payloads = somePayloads(40);
    await sendAll(relay, payloads);
    expect(idsSent(relay).toSorted()).toEqual(payloads.map(({ id }) => id).toSorted());
  });

  it("of odd and of large bodies are recorded and delivered byte for byte", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination);
    const odd = [
      '"\\u0000 \\ud800 \\\\u0000"',
      '"\u2028\u2029\u007f\ufffe é 😀"',
      `"${"x".repeat(100_000)}"`,
      `"${"😀\\u0001".repeat(10_000)}"`,
      "1e999",
      "{}",
    ];
    const texts = odd.map(
      (value, index) => `\uFEFF{"id":"odd-${index}", "type":"v1/cards" ,"data":{"id":"c${index}","odd":${value}}}`,
    );
    const words = await wordsOf(await sendAll(relay, texts));
    expect(words).toEqual(texts.map(() => "accepted"));
    const { results } = await env.DB.prepare("SELECT body FROM events ORDER BY id").all<{ body: string }>();
    expect(results.map(({ body }) => body)).toEqual(texts);
    await relay.runQueues();
    const sent = relay.destinations
      .at(destination)
      .map(({ body }) => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body));
    expect(sent.toSorted()).toEqual(texts.toSorted());
  });

  it("of odd names and ids of resources are recorded as each would be alone", async () => {
    const texts = ["a\\u0000b", "\\u0000", "\\ud83d\\ude00", "\\ufeff\\uffff", "plain"].map(
      (odd, index) =>
        `{"id":"${index}","type":"v1/x","organization_id":"${odd}","data":{"event":"${odd}","id":"${odd}"}}`,
    );
    const rows = () =>
      env.DB.prepare("SELECT hex(event), hex(organization_id), hex(resource_id), body FROM events ORDER BY id").all();
    const alone = new TestRelay();
    for (const text of texts) await alone.send(text);
    const { results: expected } = await rows();
    await emptyDatabase();
    expect(await wordsOf(await sendAll(new TestRelay(), texts))).toEqual(texts.map(() => "accepted"));
    expect((await rows()).results).toEqual(expected);
    expect(expected).toHaveLength(5);
  });

  it("fill messages of 64,000 bytes", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination);
    countSends(relay);
    const batches: number[][] = [];
    beforeBatches(relay, (bodies) => {
      batches.push(bodies.map((body) => new TextEncoder().encode(JSON.stringify(body)).length));
    });
    // Of three bytes each: a message holds six bodies.
    const payloads = Array.from({ length: 16 }, () => makePayload("v1/cards", { data: { note: "€".repeat(2_800) } }));
    await sendAll(relay, payloads);
    expect(idsSent(relay).toSorted()).toEqual(payloads.map(({ id }) => id).toSorted());
    expect(Math.max(...batches.flat())).toBeLessThanOrEqual(64_000);
    expect(batches.map((sizes) => sizes.length)).toEqual([1, 3]);
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(16);
  });

  it("of one event with two bodies say which differs from the one that is kept", async () => {
    const relay = new TestRelay();
    const payload = makePayload("v1/cards");
    const other = { ...payload, data: { other: true } };
    await sendAll(relay, [makePayload("v1/cards"), payload, other, payload]);
    const { results } = await env.DB.prepare("SELECT duplicates, conflicts FROM events WHERE id = ?1")
      .bind(payload.id)
      .all();
    expect(results).toEqual([{ duplicates: 2, conflicts: 1 }]);
  });
});
