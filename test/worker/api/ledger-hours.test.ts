import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { realWorld } from "../../../src/platform/world.ts";
import { openDatabase } from "../../../src/store/database.ts";
import { countLedger, countLedgerFromRows } from "../../../src/store/ledger.ts";
import { makePayload } from "../../support/qonto.ts";
import { type Intercept, interceptDatabase } from "../support/database.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { database } from "../support/store.ts";

/** What the ledger remembers of hours that have ended. */

beforeEach(emptyDatabase);
afterEach(() => void vi.restoreAllMocks());

const HOUR_MS = 3_600_000;
const START = Date.parse("2026-03-01T00:00:00Z");
const hourAt = (at: number) => at / HOUR_MS;

/** Events received evenly from `START` on, each delivered to three destinations; the first of each hour is dead at one. */
async function keepHours(hours: number, eventsOfEach: number): Promise<TestRelay> {
  const numbers = JSON.stringify(Array.from({ length: hours * eventsOfEach }, (_, index) => index));
  const at = `?2 + value * (${HOUR_MS} / ?3)`;
  const first = '"d1":[1,200,5,""],"d2":[1,200,5,""]';
  const isDead = "value % ?3 = 0";
  await env.DB.batch([
    env.DB.prepare(
      `INSERT INTO events (id, source, type, received_at, queued_at, recipients, duplicates, body)
       SELECT 'e' || value, 'business', 't', ${at}, ?2, '{${first},"d3":' || iif(${isDead}, 'null}', '[1,200,5,""]}'), value = 1, '{}'
       FROM json_each(?1)`,
    ).bind(numbers, START, eventsOfEach),
    env.DB.prepare(
      `INSERT INTO deliveries (destination_id, received_at, event_id, status, attempts)
       SELECT 'd3', ${at}, 'e' || value, 'dead', '[]' FROM json_each(?1) WHERE ${isDead}`,
    ).bind(numbers, START, eventsOfEach),
  ]);
  const relay = new TestRelay();
  relay.now = START + hours * HOUR_MS;
  return relay;
}

async function remembered(): Promise<number[]> {
  const { results } = await env.DB.prepare("SELECT hour FROM ledger_hours ORDER BY hour").all<{ hour: number }>();
  return results.map(({ hour }) => hour - hourAt(START));
}

/** The ledger of all time, which must match the rows; and the rows that D1 read for it. */
async function balance(relay: TestRelay, before: Intercept = (_call, proceed) => proceed()) {
  let rowsRead = 0;
  const DB = interceptDatabase(env.DB, async (call, proceed) => {
    const results = await before(call, proceed);
    rowsRead += results.reduce((sum, { meta }) => sum + meta.rows_read, 0);
    return results;
  });
  const span = { since: 0, until: relay.now + 1 };
  const ledger = await countLedger(openDatabase(DB, realWorld), span, relay.now);
  expect(ledger).toEqual(await countLedgerFromRows(database, span));
  return { ledger, rowsRead };
}

const tamper = (sql: string, ...parameters: unknown[]) =>
  env.DB.prepare(sql)
    .bind(...parameters)
    .run();

describe("the ledger", () => {
  it("remembers each hour that a younger event follows, and still counts the same", async () => {
    const relay = await keepHours(4, 10);
    await balance(relay);
    expect(await remembered()).toEqual([0, 1, 2]);
    const { ledger } = await balance(relay);
    expect(ledger).toMatchObject({ received: 40, settled: 40, duplicates: 1 });
    expect(ledger.accounts.at(-1)).toMatchObject({ expected: 40, delivered: 36, dead: 4 });
  });

  it("does not read younger events to count a past time", async () => {
    const relay = await keepHours(20, 500);
    let rowsRead = 0;
    const DB = interceptDatabase(env.DB, async (_call, proceed) => {
      const results = await proceed();
      rowsRead += results.reduce((sum, { meta }) => sum + meta.rows_read, 0);
      return results;
    });
    await countLedger(openDatabase(DB, realWorld), { since: 0, until: START + 60_000 }, relay.now);
    expect(rowsRead).toBeLessThan(1_000);
  });

  it("reads less than a tenth of the rows the second time", async () => {
    const relay = await keepHours(40, 500);
    const first = await balance(relay);
    const second = await balance(relay);
    expect(second.ledger).toEqual(first.ledger);
    expect(second.rowsRead).toBeLessThan(first.rowsRead / 10);
  });

  it("remembers empty hours between others", async () => {
    const relay = await keepHours(1, 1);
    await tamper(
      "INSERT INTO events SELECT 9, 'late', source, type, NULL, NULL, NULL, NULL, ?1, ?1, NULL, 0, '{}', 0, 0, 0, NULL, NULL, '{}' FROM events",
      START + 5 * HOUR_MS,
    );
    relay.now = START + 9 * HOUR_MS;
    await balance(relay);
    expect(await remembered()).toEqual([0, 1, 2, 3, 4]);
  });

  it("counts part of a remembered hour from its rows", async () => {
    const relay = await keepHours(3, 10);
    await balance(relay);
    const span = { since: START + HOUR_MS / 2, until: START + 1.5 * HOUR_MS };
    const ledger = await countLedger(database, span, relay.now);
    expect(ledger.received).toBe(10);
    expect(ledger).toEqual(await countLedgerFromRows(database, span));
  });

  it("remembers no hour with a pending delivery", async () => {
    const relay = await keepHours(4, 10);
    await tamper("UPDATE deliveries SET status = 'pending', next_attempt_at = 1 WHERE event_id = 'e10'");
    await balance(relay);
    expect(await remembered()).toEqual([0, 2]);
  });

  it("remembers no hour that does not balance", async () => {
    const relay = await keepHours(4, 10);
    await tamper("DELETE FROM deliveries WHERE event_id = 'e10'");
    await tamper("UPDATE events SET recipients = '{}' WHERE id = 'e20'");
    await balance(relay);
    expect(await remembered()).toEqual([0]);
  });

  it("remembers no hour in which a late event may still be recorded, however long ago it ended", async () => {
    const relay = await keepHours(2, 10);
    relay.now += 20 * HOUR_MS;
    await balance(relay);
    expect(await remembered()).toEqual([0]);
  });

  it("counts a duplicate and a conflict of a remembered hour at once", async () => {
    const relay = await keepHours(3, 10);
    await balance(relay);
    await tamper("UPDATE events SET duplicates = duplicates + 2, conflicts = 1 WHERE id IN ('e1', 'e12')");
    const { ledger } = await balance(relay);
    expect([await remembered(), ledger.duplicates, ledger.conflicts]).toEqual([[0, 1], 5, 2]);
  });

  /** Two hours of real events; the first of them is remembered. */
  async function liveTwoHours() {
    const relay = new TestRelay();
    relay.now = START;
    const { id } = await relay.addDestination("https://destination.example.com/hook");
    const payload = makePayload("v1/cards");
    await relay.send(payload);
    await relay.runQueues();
    relay.now = START + HOUR_MS;
    await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    return { relay, id, replay: () => relay.api("POST", `/api/events/${payload.id}/replay`, { destination_id: id }) };
  }

  it("drops an hour when one of its events is replayed, and remembers it again once that is delivered", async () => {
    const { relay, replay } = await liveTwoHours();
    await balance(relay);
    expect(await remembered()).toEqual([0]);
    expect((await replay()).status).toBe(202);
    expect(await remembered()).toEqual([]);
    expect((await balance(relay)).ledger.pending).toBe(1);
    await relay.runQueues();
    expect((await balance(relay)).ledger).toMatchObject({ settled: 2, pending: 0 });
    expect(await remembered()).toEqual([0]);
  });

  it("does not remember a count from before a replay", async () => {
    const { relay, replay } = await liveTwoHours();
    await countLedger(
      openDatabase(
        interceptDatabase(env.DB, async ({ statements }, proceed) => {
          if (statements[0]?.includes("INSERT INTO ledger_hours")) await replay();
          return proceed();
        }),
        realWorld,
      ),
      { since: 0, until: relay.now + 1 },
      relay.now,
    );
    expect(await remembered()).toEqual([]);
    expect((await balance(relay)).ledger.pending).toBe(1);
  });
});

describe("the cron", () => {
  /** Runs it until it has checked every hour, and then again. */
  async function runCrons(relay: TestRelay, minutes: number): Promise<void> {
    for (let minute = 0; minute < minutes; minute += 1) {
      relay.passSeconds(60);
      await relay.runCron();
    }
  }

  const driftedAt = async (relay: TestRelay) => (await relay.api("GET", "/api/ledger")).body.drifted_at;

  it("remembers hours once they have ended an hour ago", async () => {
    const relay = await keepHours(5, 10);
    await runCrons(relay, 1);
    expect(await remembered()).toEqual([0, 1, 2]);
  });

  it("does not count an hour that a request has counted already", async () => {
    const relay = await keepHours(5, 500);
    await balance(relay);
    let counted = 0;
    relay.env = {
      ...relay.env,
      DB: interceptDatabase(env.DB, ({ statements }, proceed) => {
        if (statements.some((sql) => sql.includes("AS expected"))) counted += 1;
        return proceed();
      }),
    };
    await runCrons(relay, 1);
    expect(counted).toBe(0);
  });

  it("counts a remembered hour again every forty minutes, the longest unchecked first", async () => {
    const relay = await keepHours(5, 10);
    await runCrons(relay, 5);
    const before = relay.now;
    await runCrons(relay, 3 * 40);
    const { results } = await env.DB.prepare("SELECT checked_at FROM ledger_hours").all<{ checked_at: number }>();
    expect(results.map(({ checked_at }) => checked_at > before)).toEqual([true, true, true]);
    expect(await driftedAt(relay)).toBeNull();
  });

  it.each([
    ["what is remembered is not true", "UPDATE ledger_hours SET counts = json_set(counts, '$.settled', 11)"],
    ["an event is gone", "DELETE FROM events WHERE id IN ('e1', 'e11', 'e21')"],
    ["the first events are gone", "DELETE FROM events WHERE seq <= 25"],
    ["a delivery has another status", "UPDATE deliveries SET status = 'delivered' WHERE event_id IN ('e0', 'e10')"],
    ["a delivery is pending", "UPDATE deliveries SET status = 'pending', next_attempt_at = 1 WHERE event_id = 'e0'"],
  ])("finds that %s, logs it, and stores what the rows say", async (_title, sql) => {
    const relay = await keepHours(5, 10);
    await runCrons(relay, 1);
    await tamper(sql);
    const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const from = relay.now;
    await runCrons(relay, 4 * 40);
    expect(errors.mock.calls[0]?.[0]).toMatchObject({
      unit: "cron",
      message: "hour.drifted",
      hour: "2026-03-01T00:00:00.000Z",
      remembered: expect.stringContaining('"received":10'),
      counted: expect.stringContaining('"received":'),
    });
    expect(Date.parse(await driftedAt(relay))).toBeGreaterThan(from);
    await balance(relay);
    const found = errors.mock.calls.length;
    await runCrons(relay, 4 * 40);
    expect(errors.mock.calls).toHaveLength(found);
  });

  it("writes a row for an hour that it remembers, and two for a check", async () => {
    const relay = await keepHours(5, 10);
    await runCrons(relay, 5);
    let rows = 0;
    relay.env = {
      ...relay.env,
      DB: interceptDatabase(env.DB, async ({ statements }, proceed) => {
        const results = await proceed();
        const written = results.reduce((sum, { meta }) => sum + meta.rows_written, 0);
        if (/ledger|cron_state/.test(statements[0] ?? "")) rows += written;
        return results;
      }),
    };
    await runCrons(relay, 3 * 40);
    // Beside it, each second run is noted.
    expect(rows).toBe(2 * 3 + 60);
  });
});
