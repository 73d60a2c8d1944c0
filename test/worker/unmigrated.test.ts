import { env } from "cloudflare:workers";
import { afterAll, beforeEach, describe, expect, it, vi } from "vitest";
import { firstLease } from "../../src/domain/lease.ts";
import { type QueueMessage, messageOf } from "../../src/messages.ts";
import { type Payload, makePayload } from "../support/qonto.ts";
import { Visitor } from "./console/visitor.ts";
import { type HeldQueue, TestRelay } from "./support/relay.ts";
import { dropTables, migrate } from "./support/schema.ts";

/** What the queues and the cron do on a database without a table, and after it has got them. */

beforeEach(dropTables);

afterAll(migrate);

const destination = "https://destination.example.com/hook";

const LACK = `The database lacks ${env.MIGRATIONS.map(({ name }) => name).join(", ")}. Run \`npm run deploy\``;

/** As the queue takes it when D1 is late. */
function messageWith(relay: TestRelay, payload: Payload): QueueMessage {
  const about = { source: "business", received_at: relay.now, content_type: "application/json" } as const;
  const inline = { ...about, content_encoding: null, body: JSON.stringify(payload) };
  return messageOf([{ id: payload.id, lease_until: firstLease(relay.now), inline }]);
}

const unreadable: QueueMessage = {
  kind: "quarantine",
  source: "business",
  received_at: 1,
  content_type: null,
  content_encoding: null,
  body_base64: new TextEncoder().encode("no json").toBase64(),
};

/** Lets a queue's messages be delivered so often, and answers what was logged as a failure in the first of its batches. */
async function consume(relay: TestRelay, queue: HeldQueue, name: string, times: number): Promise<unknown[][]> {
  const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
  let first: unknown[][] | undefined;
  for (let time = 0; time < times; time += 1) {
    relay.passTo(queue.nextDueAt);
    await relay.runBatch(queue, name, 10);
    first ??= [...log.mock.calls];
  }
  log.mockRestore();
  return first ?? [];
}

const oneLine = (fields: object) => [[{ ...fields, error: expect.stringContaining(LACK) }]];

/** `max_retries` of each queue (wrangler.toml). */
const MOST_RETRIES = 100;

describe("on a database without a table", () => {
  it("a message of the events queue stays there, and a batch logs one line", async () => {
    const relay = new TestRelay();
    for (let count = 0; count < 3; count += 1) {
      await relay.env.EVENTS.send(messageWith(relay, makePayload("v1/cards")));
    }
    await relay.env.EVENTS.send(unreadable);
    const logged = await consume(relay, relay.events, "qonto-relay-events", 1);
    expect(logged).toEqual(oneLine({ unit: "fan_out", message: "batch.deferred", messages: 4 }));
    expect(relay.events.waiting.map(({ dueAt, tries }) => [dueAt - relay.now, tries])).toEqual(
      Array.from({ length: 4 }, () => [60_000, 1]),
    );
  });

  it("a message of the retries queue stays there, and logs one line", async () => {
    const relay = new TestRelay();
    await relay.env.RETRIES.send({ kind: "drain", destination_id: "dst_1" });
    const logged = await consume(relay, relay.retries, "qonto-relay-retries", 1);
    expect(logged).toEqual(oneLine({ unit: "retry", message: "batch.deferred", messages: 1 }));
    expect(relay.retries.waiting).toHaveLength(1);
  });

  it("dead letters stay there, and a batch logs one line", async () => {
    const relay = new TestRelay();
    for (const body of [messageWith(relay, makePayload("v1/cards")), unreadable, { kind: "canary", sent_at: 1 }]) {
      await relay.deadLetters.binding.send(body as QueueMessage);
    }
    const logged = await consume(relay, relay.deadLetters, "qonto-relay-dead-letters", 1);
    expect(logged).toEqual(oneLine({ unit: "dead_letters", message: "batch.deferred", messages: 3 }));
    expect(relay.deadLetters.waiting).toHaveLength(3);
  });

  it("the cron's run fails, and logs one line for all its tasks", async () => {
    const relay = new TestRelay();
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    await expect(relay.runCron()).rejects.toThrow("Some of the cron's tasks failed");
    expect(log.mock.calls).toEqual(oneLine({ unit: "cron", message: "task.failed", task: "recover-events" }));
    log.mockRestore();
  });

  it.each(["/api/destinations", "/api/events", "/api/ledger", "/metrics"])(
    "%s is refused with 503 not_ready, and says what to do",
    async (path) => {
      expect(await new TestRelay().api("GET", path)).toMatchObject({
        status: 503,
        body: { code: "not_ready", detail: expect.stringContaining(LACK) },
      });
    },
  );

  it.each(["/console/events", "/console/destinations"])("the page %s says what to do", async (path) => {
    const visitor = await Visitor.loggedIn(new TestRelay());
    const response = await visitor.get(path);
    expect([response.status, (await response.text()).includes(LACK)]).toEqual([503, true]);
  });

  it("a message outlasts all its tries as a dead letter, several times round, and is delivered after the migrations", async () => {
    const relay = new TestRelay();
    const payload = makePayload("v1/cards");
    await relay.env.EVENTS.send(messageWith(relay, payload));
    await relay.env.EVENTS.send(unreadable);
    await consume(relay, relay.events, "qonto-relay-events", MOST_RETRIES);
    expect(relay.events.waiting.map(({ tries }) => tries)).toEqual([MOST_RETRIES, MOST_RETRIES]);
    // What the platform does with it then.
    for (const { body } of relay.events.waiting.splice(0)) await relay.deadLetters.binding.send(body);
    const sent = relay.deadLetters.sent.length;
    for (let time = 0; time < 3 * MOST_RETRIES; time += 1) {
      relay.passTo(relay.deadLetters.nextDueAt);
      await relay.runBatch(relay.deadLetters, "qonto-relay-dead-letters", 10);
      expect(relay.deadLetters.waiting).toHaveLength(2);
      for (const { tries } of relay.deadLetters.waiting) expect(tries).toBeLessThan(MOST_RETRIES);
    }
    expect(relay.deadLetters.sent.length - sent).toBeGreaterThanOrEqual(2 * 3);

    await migrate();
    await relay.addDestination(destination);
    relay.passTo(relay.deadLetters.nextDueAt);
    await relay.runBatch(relay.deadLetters, "qonto-relay-dead-letters", 10);
    expect(relay.deadLetters.waiting).toEqual([]);
    await relay.runCron();
    relay.passSeconds(31);
    await relay.runCron();
    await relay.runQueues();
    expect(relay.destinations.at(destination).map(({ text }) => text)).toEqual([JSON.stringify(payload)]);
    expect((await relay.api("GET", "/api/quarantine")).body.data).toHaveLength(1);
  });
});
