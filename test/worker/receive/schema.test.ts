import { env } from "cloudflare:workers";
import { afterAll, beforeEach, describe, expect, it, vi } from "vitest";
import { sleep } from "../../../src/platform/timeout.ts";
import { type Intercept, interceptDatabase } from "../support/database.ts";
import { businessRequest, makePayload } from "../../support/qonto.ts";
import { BUSINESS_SECRET, TestRelay, emptyDatabase } from "../support/relay.ts";
import { dropTables, forgetLastMigration, migrate, noteLastMigration } from "../support/schema.ts";

/** Webhooks on a database that is empty, or that an older version of the relay has left. */

beforeEach(dropTables);

afterAll(migrate);

const canary = { id: "canary-1", type: "relay.canary", created_at: "2026-03-01T12:00:00Z", data: {} };

const kinds = [
  ["an event", () => makePayload("v1/cards")],
  ["an event that no message can carry", () => makePayload("v1/cards", { data: { padding: "x".repeat(200_000) } })],
  ["an unreadable event", () => "no json"],
  ["the doctor's canary", () => canary],
] as const;

const notReady = { status: 503, code: "not_ready" };

async function answer(response: Response): Promise<unknown> {
  return { status: response.status, code: (await response.json<{ code?: string }>()).code };
}

/** How many D1 calls there were, in the order of the statements of each. */
function counted(): { readonly calls: string[][]; readonly DB: D1Database } {
  const calls: string[][] = [];
  const intercept: Intercept = ({ statements }, proceed) => {
    calls.push(statements.map((sql) => sql.trim().slice(0, 30)));
    return proceed();
  };
  return { calls, DB: interceptDatabase(env.DB, intercept) };
}

describe.each(kinds)("%s", (_kind, payload) => {
  it("is refused with 503 not_ready on an empty database, and the queue is not asked", async () => {
    const relay = new TestRelay();
    const response = await relay.send(payload());
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await answer(response)).toEqual(notReady);
    expect(relay.events.sent).toEqual([]);
  });

  it("is refused while the last migration is missing, though each statement works", async () => {
    await migrate();
    await forgetLastMigration();
    const relay = new TestRelay();
    expect(await answer(await relay.send(payload()))).toEqual(notReady);
    expect(relay.events.sent).toEqual([]);
    await noteLastMigration();
    expect((await relay.send(payload())).status).toBe(200);
  });

  it.each(["no such table: events", "no such column: body", "table events has no column named body"])(
    "is refused when D1 says later: %s",
    async (words) => {
      await migrate();
      const relay = new TestRelay();
      expect((await relay.send(makePayload("v1/cards"))).status).toBe(200);
      const sent = relay.events.sent.length;
      const batch = vi
        .spyOn(env.DB, "batch")
        .mockRejectedValue(new Error(`D1_ERROR: ${words} at offset 12: SQLITE_ERROR`));
      expect(await answer(await relay.send(payload()))).toEqual(notReady);
      expect(relay.events.sent).toHaveLength(sent);
      batch.mockRestore();
    },
  );

  it("is taken once the migrations are applied, without a new isolate", async () => {
    const relay = new TestRelay();
    await relay.send(payload());
    await migrate();
    expect((await relay.send(payload())).status).toBe(200);
  });
});

describe("a stale event", () => {
  it("is refused as stale, whatever the database lacks", async () => {
    const relay = new TestRelay();
    const stale = { secret: BUSINESS_SECRET, timestamp: Math.floor(relay.now / 1000) - 301 };
    expect(await answer(await relay.webhook(await businessRequest(makePayload("v1/cards"), stale)))).toEqual({
      status: 401,
      code: "timestamp_too_old",
    });
  });
});

describe("a forged event", () => {
  it("causes no D1 call", async () => {
    const { calls, DB } = counted();
    const relay = new TestRelay({ DB });
    const forged = { secret: "forged", timestamp: Math.floor(relay.now / 1000) };
    expect((await relay.webhook(await businessRequest(makePayload("v1/cards"), forged))).status).toBe(401);
    expect(calls).toEqual([]);
  });
});

describe("an event that was recorded while a migration was missing", () => {
  it("is a duplicate when it is sent again, and is delivered once", async () => {
    await migrate();
    const relay = new TestRelay();
    await relay.addDestination("https://destination.example.com/hook");
    await forgetLastMigration();
    relay.env = { ...relay.env };
    const payload = makePayload("v1/cards");
    expect(await answer(await relay.send(payload))).toEqual(notReady);
    await noteLastMigration();
    relay.passSeconds(31);
    expect(await (await relay.send(payload)).json()).toMatchObject({ status: "duplicate" });
    await relay.runQueues();
    expect(relay.destinations.at("https://destination.example.com/hook")).toHaveLength(1);
  });
});

describe("the migrations are read", () => {
  it("by the first D1 call of an isolate, and never again once they are complete", async () => {
    await migrate();
    const { calls, DB } = counted();
    const relay = new TestRelay({ DB });
    await relay.send(makePayload("v1/cards"));
    await relay.send(makePayload("v1/cards"));
    await relay.send("no json");
    expect(calls.map((statements) => statements.length)).toEqual([2, 1, 4]);
    expect(calls.flat().filter((sql) => sql.includes("d1_migrations"))).toHaveLength(1);
  });

  it("by one D1 call for all that wait at the same moment on an empty database", async () => {
    const { calls, DB } = counted();
    const relay = new TestRelay({ DB });
    const answers = await relay.sendTogether(Array.from({ length: 20 }, () => makePayload("v1/cards")));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
    // The first, and a group of all others.
    expect(calls).toHaveLength(2);
  });
});

describe("a D1 that is late to say that a table is missing", () => {
  /** Both stores answer after so many milliseconds. */
  function slow(databaseMs: number, queueMs: number): TestRelay {
    const relay = new TestRelay();
    const DB = interceptDatabase(env.DB, async (_call, proceed) => {
      await sleep(databaseMs, relay.clock);
      return proceed();
    });
    relay.env = { ...relay.env, DB };
    relay.events.beforeSend = () => sleep(queueMs, relay.clock);
    return relay;
  }

  it("counts when its word comes before the queue's", async () => {
    expect(await answer(await slow(300, 200).send(makePayload("v1/cards")))).toEqual(notReady);
  });

  it("does not count when the queue has taken the event, which is recorded and delivered after the migrations", async () => {
    const relay = slow(400, 10);
    const payload = makePayload("v1/cards");
    expect((await relay.send(payload)).status).toBe(200);
    expect(relay.events.waiting).toHaveLength(1);
    relay.env = { ...relay.env, DB: env.DB };
    await relay.runEventsBatch();
    expect(relay.events.waiting).toHaveLength(1);
    await migrate();
    await emptyDatabase();
    await relay.addDestination("https://destination.example.com/hook");
    await relay.liveThrough(60);
    expect(relay.events.waiting).toEqual([]);
    expect(relay.destinations.at("https://destination.example.com/hook")).toHaveLength(1);
  });
});
