import { env } from "cloudflare:workers";
import { beforeEach, expect, it } from "vitest";
import { expireLeases } from "../../../src/store/expire-leases.ts";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { connectDirectly, qontoApplication } from "../support/connected-relay.ts";
import { eventsIn } from "../support/queued-events.ts";
import { statuses } from "../support/destinations.ts";

/** What a start on a developer's machine does before the relay runs: the queues of the runtime before went with it. */

beforeEach(emptyDatabase);

const destination = "https://destination.example.com/hook";

async function restart(relay: TestRelay): Promise<void> {
  relay.events.waiting = [];
  relay.retries.waiting = [];
  relay.passSeconds(1);
  await expireLeases(env.DB);
  await relay.runCron();
}

it("queues an event again at once, once, however lately it was recorded", async () => {
  const relay = new TestRelay();
  await relay.addDestination(destination);
  await relay.send(makePayload("v1/cards"));
  await restart(relay);
  await relay.runCron();
  expect(relay.events.waiting).toHaveLength(1);
  await relay.runQueues();
  expect(relay.destinations.at(destination)).toHaveLength(1);
});

it("queues an event again at once whose consumer died with its claim, also with the last that it may make", async () => {
  const relay = new TestRelay();
  await relay.addDestination(destination);
  await relay.send(makePayload("v1/cards"));
  await env.DB.prepare("UPDATE events SET claims = 10, lease_until = ?1")
    .bind(relay.now + 45_000)
    .run();
  await restart(relay);
  await relay.runQueues();
  expect(relay.destinations.at(destination)).toHaveLength(1);
});

it("queues a thousand events again in one cron run", async () => {
  const relay = new TestRelay();
  await env.DB.prepare(
    `INSERT INTO events (id, source, type, received_at, queued_at, lease_until, body)
     SELECT 'event-' || value, 'business', 't', ?1, ?1, ?1 + 30000, '{}' FROM json_each(?2)`,
  )
    .bind(relay.now - 1, JSON.stringify(Array.from({ length: 1_000 }, (_, index) => index)))
    .run();
  await restart(relay);
  expect(relay.events.waiting.flatMap(({ body }) => eventsIn(body))).toHaveLength(1_000);
});

it("makes a delivery due at once that a dead consumer had claimed, and releases its destination", async () => {
  const relay = new TestRelay();
  await relay.addDestination(destination, { max_per_second: 1 });
  relay.destinations.answer(destination, statuses(500, 200));
  await relay.send(makePayload("v1/cards"));
  await relay.runQueues();
  const leaseEnd = relay.now + 60_000;
  await env.DB.batch([
    env.DB.prepare("UPDATE deliveries SET claims = 1, next_attempt_at = ?1").bind(leaseEnd),
    env.DB.prepare("UPDATE destinations SET next_drain_at = ?1").bind(leaseEnd),
  ]);
  await restart(relay);
  await relay.runQueues();
  expect(relay.destinations.at(destination)).toHaveLength(2);
});

it("makes a delivery due at once whose first attempt had not ended", async () => {
  const relay = new TestRelay();
  await relay.addDestination(destination);
  relay.destinations.answer(destination, statuses(500, 200));
  await relay.send(makePayload("v1/cards"));
  await relay.runQueues();
  await env.DB.prepare("UPDATE deliveries SET status = 'pending', attempts = '[]', next_attempt_at = ?1")
    .bind(relay.now + 45_000)
    .run();
  await restart(relay);
  await relay.runQueues();
  expect(relay.destinations.at(destination)).toHaveLength(2);
});

it("leaves alone what nobody has claimed: settled events, waits of the retry schedule, and open circuits", async () => {
  const relay = new TestRelay();
  await relay.addDestination(destination, { retry_schedule_seconds: [300] });
  relay.destinations.answer(destination, statuses(200, 500));
  await relay.send(makePayload("v1/cards"));
  await relay.send(makePayload("v1/accounts"));
  await relay.runQueues();
  await env.DB.prepare("UPDATE destinations SET next_drain_at = ?1")
    .bind(relay.now + 30_000)
    .run();
  const read = async () => {
    const lists = await env.DB.batch([
      env.DB.prepare("SELECT id, queued_at, lease_until FROM events ORDER BY id"),
      env.DB.prepare("SELECT event_id, status, next_attempt_at FROM deliveries ORDER BY event_id"),
      env.DB.prepare("SELECT next_drain_at FROM destinations"),
    ]);
    return lists.map(({ results }) => results);
  };
  const before = await read();
  await restart(relay);
  expect(await read()).toEqual(before);
  expect([relay.events.waiting, relay.retries.waiting]).toEqual([[], []]);
});

it("lets the cron go on at once with a connection to Qonto whose run died", async () => {
  const relay = new TestRelay(qontoApplication);
  await connectDirectly(relay);
  await env.DB.prepare("UPDATE connections SET lease_until = ?1")
    .bind(relay.now + 90_000)
    .run();
  await restart(relay);
  const { body } = await relay.api("GET", "/api/connections");
  expect(body.data).toMatchObject([{ last_error: null, reconciled_until: expect.any(String) }]);
});
