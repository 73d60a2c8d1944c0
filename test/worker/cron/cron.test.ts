import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { byId } from "../../../src/messages.ts";
import { failing, interceptDatabase } from "../support/database.ts";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { eventsIn } from "../support/queued-events.ts";
import { statuses } from "../support/destinations.ts";

beforeEach(emptyDatabase);

const destination = "https://destination.example.com/hook";

async function relayThatForgot(count: number): Promise<{ relay: TestRelay; ids: string[] }> {
  const relay = new TestRelay();
  await relay.addDestination(destination);
  const payloads = Array.from({ length: count }, () => makePayload("v1/cards"));
  for (const payload of payloads) await relay.send(payload);
  // Local queues live in memory: this is what a restart leaves.
  relay.events.waiting = [];
  return { relay, ids: payloads.map(({ id }) => id) };
}

const deliveredIds = (relay: TestRelay) =>
  relay.destinations.at(destination).map(({ headers }) => headers.get("webhook-id"));

describe("the cron", () => {
  it("sends lost events again, 25 in a message", async () => {
    const { relay, ids } = await relayThatForgot(110);
    relay.passSeconds(30);
    await relay.runCron();
    const sent = relay.events.waiting.map(({ body }) => eventsIn(body));
    expect(sent.map(({ length }) => length)).toEqual([25, 25, 25, 25, 10]);
    const byTheirIds = ids.toSorted().map((id) => byId(id, null));
    expect(sent.flat().toSorted((one, other) => (one.id < other.id ? -1 : 1))).toEqual(byTheirIds);
  });

  it("sends an event again 30 s after its message was lost, once", async () => {
    const { relay, ids } = await relayThatForgot(3);
    relay.passSeconds(29);
    await relay.runCron();
    expect(relay.events.waiting).toEqual([]);
    relay.passSeconds(1);
    await relay.runCron();
    await relay.runCron();
    expect(relay.events.waiting.flatMap(({ body }) => eventsIn(body))).toHaveLength(3);
    await relay.runQueues();
    expect(deliveredIds(relay).toSorted()).toEqual(ids.toSorted());
  });

  it("sends an event again when the claim of its dead consumer has ended", async () => {
    const { relay, ids } = await relayThatForgot(1);
    await env.DB.prepare(`UPDATE events SET lease_until = ?1, recipients = '{"dst_x":null}'`)
      .bind(relay.now + 45_000)
      .run();
    relay.passSeconds(44);
    await relay.runCron();
    expect(relay.events.waiting).toEqual([]);
    relay.passSeconds(1);
    await relay.runCron();
    await relay.runQueues();
    expect(deliveredIds(relay)).toEqual(ids);
  });

  it("sends an event again that only the queue had, and whose consumer died after it had written it", async () => {
    const down = new TestRelay({ DB: interceptDatabase(env.DB, failing) });
    await new TestRelay().addDestination(destination);
    const payload = makePayload("v1/cards");
    await down.send(payload);
    const relay = new TestRelay();
    relay.now = down.now + 3_600_000;
    await relay.runCron();
    for (const { body } of down.events.sent) await relay.env.EVENTS.send(body);
    relay.destinations.answer(destination, () => Promise.reject(new Error("The consumer died")));
    const DB = interceptDatabase(env.DB, ({ statements }, proceed) =>
      statements.some((sql) => sql.includes("INTO deliveries")) ? Promise.reject(new Error("It died")) : proceed(),
    );
    await relay.runEventsBatch({ DB });
    // In all its tries the message comes to nothing, and its dead letter meets the row.
    for (const message of relay.events.waiting) relay.deadLetters.hold({ ...message, dueAt: relay.now, tries: 0 });
    relay.events.waiting = [];
    await relay.runBatch(relay.deadLetters, "qonto-relay-dead-letters", 10);
    relay.destinations.answer(destination, statuses(200));
    for (let minute = 0; minute < 3; minute += 1) {
      relay.passSeconds(60);
      await relay.runCron();
    }
    await relay.runQueues();
    expect(deliveredIds(relay).at(-1)).toBe(payload.id);
    expect((await relay.api("GET", `/api/events/${payload.id}`)).body.state).toBe("settled");
  });

  it("does not send events again that are settled, unmatched or in retries", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination, { types: ["v1/cards"], retry_schedule_seconds: [300] });
    relay.destinations.answer(destination, statuses(200, 500));
    await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    await relay.send(makePayload("v1/cards"));
    await relay.send(makePayload("v1/accounts"));
    await relay.runQueues();
    relay.retries.waiting = [];
    relay.passSeconds(90);
    await relay.runCron();
    expect(relay.events.waiting).toEqual([]);
    expect(relay.retries.waiting).toEqual([]);
  });

  it("finds an event however many were recorded since", async () => {
    const { relay } = await relayThatForgot(1);
    const others = Array.from({ length: 2_500 }, (_, index) => index);
    const insert = env.DB.prepare(
      `INSERT INTO events (id, source, type, received_at, queued_at, recipients, body) VALUES (?1, 'business', 't', ?2, ?2, '{}', '{}')`,
    );
    await env.DB.batch(others.map((index) => insert.bind(`other-${index}`, relay.now - 1 - (index % 7))));
    relay.passSeconds(31);
    await relay.runCron();
    expect(relay.events.waiting).toHaveLength(1);
  });

  it("reads every event, however many lie behind one that stays undispatched", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination);
    const insert = env.DB.prepare(
      `INSERT INTO events (id, source, type, received_at, queued_at, recipients, body)
       SELECT 'other-' || value, 'business', 't', ?1 + value / 100, ?1, ?3, '{}' FROM json_each(?2)`,
    );
    const many = JSON.stringify(Array.from({ length: 50_500 }, (_, index) => index));
    await insert.bind(relay.now - 5_000, "[-1]", null).run();
    await insert.bind(relay.now - 4_000, many, "{}").run();
    await relay.send(makePayload("v1/cards"));
    relay.events.waiting = [];
    for (let minute = 0; minute < 2; minute += 1) {
      relay.passSeconds(60);
      await relay.runCron();
      await relay.runEventsBatch();
    }
    expect(relay.destinations.at(destination)).toHaveLength(1);
    relay.passSeconds(120);
    await relay.runCron();
    const health = await relay.fetch("/health");
    expect(await health.json()).toMatchObject({ checks: { fan_out: { status: "degraded" } } });
  });

  it("drains every destination with overdue deliveries, however many another one has", async () => {
    const relay = new TestRelay();
    const { id: crowded } = await relay.addDestination("https://crowded.example.com/");
    relay.passSeconds(1);
    await relay.addDestination(destination);
    relay.destinations.answer(destination, statuses(500, 200));
    await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    relay.retries.waiting = [];
    await env.DB.prepare(
      `INSERT INTO deliveries (destination_id, received_at, event_id, status, attempts, next_attempt_at)
       SELECT ?1, 1, value, 'pending', '[]', 1 FROM json_each(?2)`,
    )
      .bind(crowded, JSON.stringify(Array.from({ length: 1_500 }, (_, index) => `e${index}`)))
      .run();
    relay.passSeconds(10);
    await relay.runCron();
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(2);
  });

  it("reads an event in a few of its runs, not in each", async () => {
    const { relay } = await relayThatForgot(5);
    relay.passSeconds(31);
    await relay.runCron();
    await relay.runQueues();
    const scanned: number[] = [];
    for (let minute = 0; minute < 6; minute += 1) {
      relay.passSeconds(60);
      const DB = interceptDatabase(env.DB, async ({ statements }, proceed) => {
        const results = await proceed();
        if (statements[0]?.includes("AS isUndispatched")) scanned.push(results[0]?.results.length ?? 0);
        return results;
      });
      const counting = new TestRelay({ DB });
      counting.now = relay.now;
      await counting.runCron();
    }
    expect(scanned).toEqual([5, 0, 0, 0, 0, 0]);
  });

  it("still finds a write that D1 applied minutes after it was made", async () => {
    const { relay } = await relayThatForgot(0);
    const madeAt = relay.now;
    for (let minute = 0; minute < 3; minute += 1) {
      relay.passSeconds(59);
      await relay.runCron();
    }
    const late = new TestRelay();
    late.now = madeAt;
    await late.send(makePayload("v1/cards"));
    await relay.runCron();
    expect(relay.events.waiting).toHaveLength(1);
  });

  it("runs its other tasks when one fails, and reports the failure", async () => {
    const { relay } = await relayThatForgot(1);
    await relay.runQueues();
    const DB = interceptDatabase(env.DB, ({ statements }, proceed) =>
      statements[0]?.includes("AS isUndispatched") ? Promise.reject(new Error("D1 is out of sorts")) : proceed(),
    );
    const ailing = new TestRelay({ DB });
    await expect(ailing.runCron()).rejects.toThrow("Some of the cron's tasks failed");
    expect((await ailing.fetch("/health")).status).toBe(503);
    await relay.runCron();
    expect((await relay.fetch("/health")).status).toBe(200);
  });
});
