import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import type { Delivery } from "../../../src/domain/delivery.ts";
import { latestAttempt, readLatestAttempt } from "../../../src/store/destination-deliveries.ts";
import { DRAIN_LEASE_MS } from "../../../src/domain/lease.ts";
import { claimEvents } from "../../../src/store/claims.ts";
import { bringDeliveriesForward } from "../../../src/store/circuits.ts";
import { claimDue } from "../../../src/store/drain.ts";
import { replayDeliveries } from "../../../src/store/replay-deliveries.ts";
import { TestRelay } from "../support/relay.ts";
import { database, writeDeliveries } from "../support/store.ts";
import { realWorld } from "../../../src/platform/world.ts";
import { openDatabase } from "../../../src/store/database.ts";

const url = "https://destination.example.com/hook";

/** Records events of a time that go to a destination. */
async function recordEvents(
  destinationId: string,
  events: readonly Pick<Delivery, "eventId" | "receivedAt">[],
): Promise<void> {
  const insert = env.DB.prepare(
    `INSERT INTO events (id, source, type, received_at, queued_at, recipients, body)
     SELECT value ->> 'eventId', 'business', 'v1/cards', value ->> 'receivedAt', value ->> 'receivedAt',
       json_object(?2, NULL), '{}'
     FROM json_each(?1) WHERE true ON CONFLICT DO UPDATE SET recipients = excluded.recipients, received_at = excluded.received_at`,
  );
  await insert.bind(JSON.stringify(events), destinationId).run();
}

async function statusAfter(...statuses: Delivery["status"][]): Promise<unknown> {
  const { id: destinationId } = await new TestRelay().addDestination(url);
  await recordEvents(destinationId, [{ eventId: "e1", receivedAt: 1 }]);
  for (const status of statuses) {
    const nextAttemptAt = status === "pending" ? 1 : null;
    const delivery = { destinationId, eventId: "e1", receivedAt: 1, status, attempts: [], step: 0, nextAttemptAt };
    await writeDeliveries([delivery]);
  }
  const statement = env.DB.prepare("SELECT status FROM deliveries WHERE destination_id = ?1");
  return statement.bind(destinationId).first("status");
}

it("a pending delivery is recorded as it now stands", async () => {
  expect(await statusAfter("pending", "pending", "delivered")).toBe("delivered");
  expect(await statusAfter("pending", "dead")).toBe("dead");
});

it("a delivery that has ended stays as it ended, whatever a late consumer writes", async () => {
  expect(await statusAfter("delivered", "pending")).toBe("delivered");
  expect(await statusAfter("delivered", "dead")).toBe("delivered");
  expect(await statusAfter("dead", "pending")).toBe("dead");
});

it("a delivery to no recipient of its event is not recorded", async () => {
  const { id: destinationId } = await new TestRelay().addDestination(url);
  const delivered = { destinationId, status: "delivered", attempts: [], step: 0, nextAttemptAt: null } as const;
  await recordEvents("dst_another", [{ eventId: "of-another", receivedAt: 5 }]);
  await recordEvents(destinationId, [{ eventId: "recorded-later", receivedAt: 6 }]);
  await writeDeliveries(
    ["of-another", "recorded-later", "deleted"].map((eventId) => ({ ...delivered, eventId, receivedAt: 5 })),
  );
  const statement = env.DB.prepare("SELECT event_id FROM deliveries WHERE destination_id = ?1").bind(destinationId);
  expect((await statement.all()).results).toEqual([]);
});

it("a delivery that is claimed a moment after an operator asked for it is left alone", async () => {
  const { id: destinationId } = await new TestRelay().addDestination(url);
  const key = { destinationId, eventId: "claimed", receivedAt: 7 };
  await recordEvents(destinationId, [key]);
  await writeDeliveries([{ ...key, status: "pending", attempts: [], step: 0, nextAttemptAt: 100_000 }]);
  const asked = 100_000;
  const destination = { id: destinationId, nextDrainAt: null, filter: null };
  const lease = { now: asked + 10, leaseUntil: asked + 10 + DRAIN_LEASE_MS };
  expect((await claimDue(database, destination, { kind: "concurrent", limit: 1 }, lease)).deliveries).toHaveLength(1);

  expect(await replayDeliveries(database, [key], asked, { evenDelivered: true, named: true, askedAt: asked })).toBe(0);
  await bringDeliveriesForward(database, destinationId, asked);
  const statement = env.DB.prepare("SELECT next_attempt_at FROM deliveries WHERE destination_id = ?1");
  expect(await statement.bind(destinationId).first("next_attempt_at")).toBe(lease.leaseUntil);
});

it("a delivery that is claimed between a write and its repetition stays claimed, until its consumer records it", async () => {
  const { id: destinationId } = await new TestRelay().addDestination(url);
  const key = { destinationId, eventId: "written-twice", receivedAt: 7 };
  await recordEvents(destinationId, [key]);
  const pending = { ...key, status: "pending", attempts: [], step: 0 } as const;
  const destination = { id: destinationId, nextDrainAt: null, filter: null };
  const claimAt = async (now: number) => {
    const lease = { now, leaseUntil: now + DRAIN_LEASE_MS };
    return (await claimDue(database, destination, { kind: "concurrent", limit: 1 }, lease)).deliveries.length;
  };

  await writeDeliveries([{ ...pending, nextAttemptAt: 1_000 }]);
  expect(await claimAt(1_010)).toBe(1);
  await writeDeliveries([{ ...pending, nextAttemptAt: 1_000 }]);
  expect(await claimAt(1_020)).toBe(0);
  await writeDeliveries([{ ...pending, nextAttemptAt: 1_030 }]);
  expect(await claimAt(1_030)).toBe(1);

  // The attempt for which it was claimed stays written down, too.
  const failed = { at: 1_040, outcome: "rejected", status: 500, durationMs: 1, responseExcerpt: null } as const;
  const attempts = [{ attempt: 1, ...failed, retryAfterSeconds: null }];
  await writeDeliveries([{ ...pending, attempts, step: 1, nextAttemptAt: 6_040 }]);
  await writeDeliveries([{ ...pending, nextAttemptAt: 1_000 }]);
  expect(await claimAt(6_000)).toBe(0);
  expect(await claimAt(6_040)).toBe(1);
});

it("a replay leaves alone an event before its fan-out", async () => {
  const { id: destinationId } = await new TestRelay().addDestination(url);
  const key = { destinationId, eventId: "on-its-first-way", receivedAt: 8 };
  await recordEvents(destinationId, [key]);
  expect(await replayDeliveries(database, [key], 1_000, { evenDelivered: true, named: true, askedAt: 1_000 })).toBe(0);
  const statement = env.DB.prepare("SELECT event_id FROM deliveries WHERE destination_id = ?1").bind(destinationId);
  expect((await statement.all()).results).toEqual([]);
});

it("a claim names those that have a delivery of the event already: they get no first attempt", async () => {
  const { id: destinationId } = await new TestRelay().addDestination(url);
  const key = { destinationId, eventId: "given-before", receivedAt: 9 };
  await recordEvents(destinationId, [key]);
  await writeDeliveries([{ ...key, status: "pending", attempts: [], step: 0, nextAttemptAt: 1 }]);
  await env.DB.prepare("UPDATE events SET recipients = json_insert(recipients, '$.dst_another', NULL) WHERE id = ?1")
    .bind(key.eventId)
    .run();
  const claim = { id: key.eventId, recipients: [destinationId, "dst_another"], leaseUntil: null, body: null };
  const outcomes = await claimEvents(database, [claim], { now: 1_000, leaseUntil: 2_000, also: [] });
  expect(outcomes.get(key.eventId)).toEqual({ state: "mine", receivedAt: 9, withDelivery: [destinationId] });
});

it("deliveries are recorded however long their excerpts are", async () => {
  const { id: destinationId } = await new TestRelay().addDestination(url);
  const attempt = {
    attempt: 1,
    at: 1,
    outcome: "rejected",
    status: 500,
    durationMs: 1,
    responseExcerpt: "\u0001".repeat(512),
    retryAfterSeconds: null,
  } as const;
  const deliveries = Array.from({ length: 20 }, (_, index): Delivery => ({
    destinationId,
    eventId: `long-${index}`,
    receivedAt: 2,
    status: "pending",
    attempts: Array.from({ length: 51 }, () => attempt),
    step: 0,
    nextAttemptAt: 1,
  }));
  let largestParameter = 0;
  const watched = new Proxy(env.DB, {
    get: (db, name) =>
      name === "prepare"
        ? (sql: string) => {
            const statement = db.prepare(sql);
            return {
              bind: (parameter: string) => {
                largestParameter = Math.max(largestParameter, new TextEncoder().encode(parameter).length);
                return statement.bind(parameter);
              },
            };
          }
        : db.batch.bind(db),
  });
  await recordEvents(destinationId, deliveries);
  await writeDeliveries(deliveries, openDatabase(watched, realWorld));
  const { results } = await env.DB.prepare("SELECT event_id FROM deliveries WHERE received_at = 2").all();
  expect(results).toHaveLength(20);
  expect(largestParameter).toBeLessThan(2_000_000);
});

it("the latest attempt is found in the midst of a long backlog", async () => {
  const { id: destinationId } = await new TestRelay().addDestination(url);
  const failed = (at: number) =>
    ({
      attempt: 1,
      at,
      outcome: "rejected",
      status: 500,
      durationMs: 1,
      responseExcerpt: null,
      retryAfterSeconds: null,
    }) as const;
  const waiting = (index: number, nextAttemptAt: number, attemptedAt?: number): Delivery => ({
    destinationId,
    eventId: `${nextAttemptAt}-${index}`,
    receivedAt: 1_000 + index,
    status: "pending",
    attempts: attemptedAt === undefined ? [] : [failed(attemptedAt)],
    step: 0,
    nextAttemptAt,
  });
  const many = Array.from({ length: 150 }, (_, index) => index);
  const probed = waiting(10, 65_000, 60_000);
  const backlog = [
    ...many.map((index) => waiting(index, 2_000)),
    ...many.map((index) => waiting(index, 90_000, 30_000)),
  ];
  await recordEvents(destinationId, [probed, ...backlog]);
  await writeDeliveries([probed, ...backlog]);
  await database.prepare("UPDATE destinations SET last_failure_at = 60000 WHERE id = ?1").bind(destinationId).run();
  const latest = readLatestAttempt(await latestAttempt(database, destinationId).first());
  expect(latest).toMatchObject({ eventId: probed.eventId, attempt: { at: 60_000 } });
});
