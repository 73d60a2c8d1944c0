import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { isBalanced } from "../../../src/domain/ledger.ts";
import { realWorld } from "../../../src/platform/world.ts";
import { openDatabase } from "../../../src/store/database.ts";
import { countLedger } from "../../../src/store/ledger.ts";
import { interceptDatabase } from "../support/database.ts";
import { businessRequest, makePayload } from "../../support/qonto.ts";
import { BUSINESS_SECRET, TestRelay, emptyDatabase } from "../support/relay.ts";
import { statuses } from "../support/destinations.ts";
import { database } from "../support/store.ts";

beforeEach(emptyDatabase);

const destination = "https://destination.example.com/hook";
const failing = "https://failing.example.com/hook";
const dying = "https://dying.example.com/hook";

async function ledger(relay: TestRelay, query = "") {
  const { status, body } = await relay.api("GET", `/api/ledger${query}`);
  expect(status).toBe(200);
  return body;
}

/** Four events: one settled, one pending at a destination, one unmatched, one before its first attempts; and two in quarantine. */
async function everyState() {
  const relay = new TestRelay();
  const { id } = await relay.addDestination(destination, { types: ["v1/cards", "v1/accounts"] });
  const { id: failingId } = await relay.addDestination(failing, { types: ["v1/accounts"] });
  const { id: dyingId } = await relay.addDestination(dying, { types: ["v1/cards"], retry_schedule_seconds: [] });
  relay.destinations.answer(failing, statuses(500));
  relay.destinations.answer(dying, statuses(500));
  const card = makePayload("v1/cards");
  for (const payload of [card, makePayload("v1/accounts"), makePayload("v1/transfers")]) await relay.send(payload);
  await relay.runQueues();
  await relay.send(makePayload("v1/cards"));
  await relay.send("no json");
  const stale = { secret: BUSINESS_SECRET, timestamp: Math.floor(relay.now / 1000) - 3_600 };
  await relay.webhook(await businessRequest(makePayload("v1/cards"), stale));
  return { relay, id, failingId, dyingId, card };
}

describe("the ledger", () => {
  it("finds every event in exactly one state, and every expected delivery", async () => {
    const { relay, id, failingId, dyingId } = await everyState();
    expect(await ledger(relay)).toEqual({
      received: 6,
      settled: 1,
      pending: 2,
      unmatched: 1,
      quarantined: 2,
      duplicates: 0,
      conflicts: 0,
      reconciled: 0,
      balanced: true,
      drifted_at: null,
      destinations: [
        // An event has its recipients from its receipt on.
        { destination_id: id, expected: 3, delivered: 2, pending: 1, dead: 0 },
        { destination_id: failingId, expected: 1, delivered: 0, pending: 1, dead: 0 },
        { destination_id: dyingId, expected: 2, delivered: 0, pending: 1, dead: 1 },
      ].toSorted((one, other) => (one.destination_id < other.destination_id ? -1 : 1)),
    });
  });

  it("is empty and balanced before the first event", async () => {
    expect(await ledger(new TestRelay())).toMatchObject({ received: 0, balanced: true, destinations: [] });
  });

  it("counts an event as pending when its consumer died before it wrote anything", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(destination);
    await relay.send(makePayload("v1/cards"));
    await env.DB.prepare("UPDATE events SET recipients = ?1, lease_until = 1")
      .bind(JSON.stringify({ [id]: null }))
      .run();
    expect(await ledger(relay)).toMatchObject({
      pending: 1,
      balanced: true,
      destinations: [{ expected: 1, pending: 1 }],
    });
  });

  it("keeps the deliveries of a removed destination", async () => {
    const { relay, failingId } = await everyState();
    await relay.api("DELETE", `/api/destinations/${failingId}`);
    const { balanced, pending, destinations } = await ledger(relay);
    expect({ balanced, pending }).toEqual({ balanced: true, pending: 1 });
    expect(destinations).toContainEqual({ destination_id: failingId, expected: 1, delivered: 0, pending: 0, dead: 1 });
  });

  it("covers the time from since, inclusive, to until, exclusive", async () => {
    const { relay } = await everyState();
    const from = new Date(relay.now).toISOString();
    const to = new Date(relay.now + 1).toISOString();
    expect((await ledger(relay, `?since=${from}`)).received).toBe(6);
    expect((await ledger(relay, `?since=${to}`)).received).toBe(0);
    expect((await ledger(relay, `?until=${from}`)).received).toBe(0);
    expect((await ledger(relay, `?until=${to}`)).received).toBe(6);
    expect((await ledger(relay, `?since=${from.replace("Z", "+00:00")}`)).received).toBe(6);
    expect((await ledger(relay, `?since=${from.slice(0, 10)}`)).received).toBe(6);
    expect((await relay.api("GET", "/api/ledger?since=yesterday")).status).toBe(400);
    expect((await relay.api("GET", `/api/ledger?since=${to}&until=${from}`)).status).toBe(400);
  });

  it.each([
    [
      "a delivery that no event expects",
      "INSERT INTO deliveries VALUES ('dst_x', ?1, 'e1', 'delivered', '[]', NULL, 0, 0, 0)",
    ],
    ["a delivery whose event is lost", "DELETE FROM events WHERE recipients LIKE '%,%' AND ?1"],
  ])("does not balance with %s", async (_title, sql) => {
    const { relay } = await everyState();
    await env.DB.prepare(sql).bind(relay.now).run();
    expect((await ledger(relay)).balanced).toBe(false);
  });

  it("does not balance when the states do not add up", async () => {
    const { relay } = await everyState();
    const counted = await countLedger(database, { since: 0, until: relay.now + 1 }, relay.now);
    expect(isBalanced(counted)).toBe(true);
    expect(isBalanced({ ...counted, received: counted.received + 1 })).toBe(false);
  });

  it("is the same when it is counted in pages of 5,000 events with their deliveries", async () => {
    const { relay, id } = await everyState();
    const before = await countLedger(database, { since: 0, until: relay.now + 1 }, relay.now);
    const many = 11_000;
    const numbers = JSON.stringify(Array.from({ length: many }, (_, index) => index));
    await env.DB.prepare(
      `INSERT INTO events (id, source, type, received_at, queued_at, recipients, duplicates, body)
       SELECT 'e' || value, 'business', 't', ?2 + value / 7, ?2, ?3, value % 2, '{}' FROM json_each(?1)`,
    )
      .bind(numbers, relay.now, JSON.stringify({ [id]: null }))
      .run();
    await env.DB.prepare(
      `INSERT INTO deliveries (destination_id, received_at, event_id, status, attempts)
       SELECT ?3, ?2 + value / 7, 'e' || value, iif(value % 10, 'delivered', 'dead'), '[]' FROM json_each(?1)`,
    )
      .bind(numbers, relay.now, id)
      .run();
    let calls = 0;
    const DB = interceptDatabase(env.DB, (_call, proceed) => {
      calls += 1;
      return proceed();
    });
    const counted = await countLedger(openDatabase(DB, realWorld), { since: 0, until: relay.now + many }, relay.now);
    expect(calls).toBe(1 + 2 * 3);
    expect(isBalanced(counted)).toBe(true);
    expect(counted).toMatchObject({
      received: before.received + many,
      settled: before.settled + many,
      duplicates: before.duplicates + many / 2,
    });
    const account = counted.accounts.find(({ destinationId }) => destinationId === id);
    expect(account).toMatchObject({ expected: 3 + many, delivered: 2 + (many / 10) * 9, dead: many / 10 });
  });
});
