import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { type Intercept, Meter, interceptDatabase } from "../support/database.ts";
import { businessRequest, makePayload } from "../../support/qonto.ts";
import { BUSINESS_SECRET, TestRelay, emptyDatabase } from "../support/relay.ts";

beforeEach(emptyDatabase);

const DAY_MS = 86_400_000;
const PAGE = 200;
const PAGES_PER_RUN = 100;
const SECONDS_PER_RUN = 20;

/** `at once`: by its first attempt, of which only the event tells. `missing`: that has yet to be made. */
type Status = "delivered" | "delivered at once" | "pending" | "dead" | "missing";

/** Events received then, each with these deliveries: to d0, d1, … The newest of all is another one, which is never deleted. */
async function insertEvents(ids: readonly string[], receivedAt: number, statuses: readonly Status[] | null) {
  const recipients =
    statuses &&
    JSON.stringify(
      Object.fromEntries(
        statuses.map((status, index) => [
          `d${index}`,
          status === "delivered at once" ? [receivedAt, 200, 5, ""] : null,
        ]),
      ),
    );
  const insertDelivery = env.DB.prepare(
    `INSERT INTO deliveries (destination_id, received_at, event_id, status, attempts, next_attempt_at)
     SELECT ?1, ?2, value, ?3, '[]', iif(?3 = 'pending', ?2, NULL) FROM json_each(?4)`,
  );
  await env.DB.batch([
    env.DB.prepare("DELETE FROM events WHERE id = 'newest'"),
    env.DB.prepare(
      `INSERT INTO events (id, source, type, received_at, queued_at, recipients, body)
       SELECT value, 'business', 'v1/cards', ?1, ?1, ?2, '{}' FROM json_each(?3)`,
    ).bind(receivedAt, recipients, JSON.stringify(ids)),
    env.DB.prepare(
      `INSERT INTO events (id, source, type, received_at, queued_at, recipients, body)
       VALUES ('newest', 'business', 'v1/cards', ?1, ?1, '{}', '{}')`,
    ).bind(2 * Date.now()),
    ...(statuses ?? []).flatMap((status, index) =>
      status === "missing" || status === "delivered at once"
        ? []
        : insertDelivery.bind(`d${index}`, receivedAt, status, JSON.stringify(ids)),
    ),
  ]);
}

const many = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}-${index}`);

async function idsIn(table: "events" | "quarantine" | "dead_letters" | "replays"): Promise<string[]> {
  const { results } = await env.DB.prepare(`SELECT id FROM ${table} WHERE id <> 'newest' ORDER BY id`).all<{
    id: string;
  }>();
  return results.map(({ id }) => id);
}

const count = (table: "events" | "deliveries") =>
  env.DB.prepare(`SELECT count(*) AS n FROM ${table} WHERE ${table === "events" ? "id <> 'newest'" : "true"}`).first(
    "n",
  );

describe("with RETENTION_DAYS=10", () => {
  it.each<[string, readonly Status[] | null, number]>([
    ["an event that is delivered to all destinations", ["delivered", "delivered at once"], 10],
    ["an event that all first attempts delivered", ["delivered at once", "delivered at once"], 10],
    ["an event that nobody wanted", [], 10],
    ["an event with a dead delivery", ["delivered", "dead"], 20],
    ["an event with a pending delivery", ["delivered", "pending"], Number.POSITIVE_INFINITY],
    ["an event without an outcome of a first attempt", ["delivered", "missing"], Number.POSITIVE_INFINITY],
    ["an event that has not been dispatched", null, Number.POSITIVE_INFINITY],
  ])("%s", async (_title, statuses, keptDays) => {
    const relay = new TestRelay({ RETENTION_DAYS: "10" });
    const days = Number.isFinite(keptDays) ? keptDays : 1_000;
    await insertEvents(["outside"], relay.now - days * DAY_MS - 1, statuses);
    await insertEvents(["exactly"], relay.now - days * DAY_MS, statuses);
    await insertEvents(["inside"], relay.now - days * DAY_MS + 1, statuses);
    const deliveries = Number(await count("deliveries"));
    await relay.runCron();
    const goes = Number.isFinite(keptDays);
    expect(await idsIn("events")).toEqual(goes ? ["exactly", "inside"] : ["exactly", "inside", "outside"]);
    expect(await count("deliveries")).toBe(goes ? (deliveries / 3) * 2 : deliveries);
  });

  it("quarantined copies and dead letters are deleted after 20 days", async () => {
    const relay = new TestRelay({ RETENTION_DAYS: "10" });
    for (const [id, age] of [
      ["outside", 20 * DAY_MS + 1],
      ["exactly", 20 * DAY_MS],
      ["inside", 20 * DAY_MS - 1],
    ] as const) {
      for (const settledAt of [null, relay.now]) {
        await env.DB.prepare(
          `INSERT INTO quarantine (id, reason, source, received_at, size_bytes, body, settled_at)
           VALUES (?1, 'unreadable', 'business', ?2, 1, x'00', ?3)`,
        )
          .bind(`${id}-${settledAt === null ? "waits" : "settled"}`, relay.now - age, settledAt)
          .run();
      }
      await env.DB.prepare("INSERT INTO dead_letters (id, kind, received_at, message) VALUES (?1, 'unknown', ?2, '1')")
        .bind(id, relay.now - age)
        .run();
    }
    await relay.runCron();
    expect(await idsIn("quarantine")).toEqual(["exactly-settled", "exactly-waits", "inside-settled", "inside-waits"]);
    expect(await idsIn("dead_letters")).toEqual(["exactly", "inside"]);
  });

  it("finished replays are deleted after 10 days", async () => {
    const relay = new TestRelay({ RETENTION_DAYS: "10" });
    for (const [id, finishedAt] of [
      ["outside", relay.now - 10 * DAY_MS - 1],
      ["exactly", relay.now - 10 * DAY_MS],
      ["under-way", null],
    ] as const) {
      await env.DB.prepare(
        `INSERT INTO replays (id, destination_id, which, since, until, reached_at, reached_id, created_at, finished_at)
         VALUES (?1, 'd0', 'all', 0, 1, 0, '', 1, ?2)`,
      )
        .bind(id, finishedAt)
        .run();
    }
    await relay.runCron();
    expect(await idsIn("replays")).toEqual(["exactly", "under-way"]);
  });

  it("counters of an hour are deleted after 20 days, those of all time stay", async () => {
    const relay = new TestRelay({ RETENTION_DAYS: "10" });
    const hour = Math.floor(relay.now / 3_600_000);
    const hours = [0, hour - 20 * 24 - 1, hour - 20 * 24, hour];
    await env.DB.prepare("INSERT INTO counters SELECT value, '{}' FROM json_each(?1)")
      .bind(JSON.stringify(hours))
      .run();
    await relay.runCron();
    const { results } = await env.DB.prepare("SELECT hour FROM counters ORDER BY hour").all();
    expect(results.map((row) => row["hour"])).toEqual([0, hour - 20 * 24, hour]);
  });
});

describe("an event is recognised as a duplicate", () => {
  it("for seven days after its receipt, however few RETENTION_DAYS are configured", async () => {
    const relay = new TestRelay({ RETENTION_DAYS: "0" });
    const payload = makePayload("v1/cards", { organization_id: "org-1", data: { id: "card-1" } });
    await relay.send(payload);
    await relay.runQueues();
    relay.now += 7 * DAY_MS;
    await relay.runCron();
    expect(await (await relay.send(payload)).json()).toMatchObject({ status: "duplicate" });
    const timestamp = Math.floor(relay.now / 1000) - 4_000;
    await relay.webhook(await businessRequest(payload, { secret: BUSINESS_SECRET, timestamp }));
    expect(await idsIn("quarantine")).toEqual([]);

    relay.now += 1;
    await relay.send(makePayload("v1/cards", { organization_id: "org-1", data: { id: "card-2" } }));
    await relay.runQueues();
    await relay.runCron();
    // The event of the latest state stays.
    expect(await idsIn("events")).toContain(payload.id);
    const current = makePayload("v1/cards", {
      organization_id: "org-1",
      data: { id: "card-1", status: "live", updated_at: new Date(relay.now).toISOString() },
    });
    await relay.send(current);
    await relay.runQueues();
    relay.now += DAY_MS;
    for (let run = 0; run < 2; run += 1) await relay.runCron();
    expect(await idsIn("events")).not.toContain(payload.id);
    const shown = await relay.api("GET", "/api/organizations/org-1/resources/card-1");
    expect(shown.body).toMatchObject({ data: { status: "live" } });
  });
});

describe("a run of the cron", () => {
  it("deletes more than 250 events a second, in small pages, and leaves the rest to the next run", async () => {
    expect(PAGE * PAGES_PER_RUN).toBeGreaterThan(250 * 60);
    const relay = new TestRelay();
    const ids = many("old", PAGE * PAGES_PER_RUN + 50);
    await insertEvents(ids, relay.now - 40 * DAY_MS, ["delivered"]);
    const deleted: number[] = [];
    const DB = interceptDatabase(env.DB, async ({ statements }, proceed) => {
      const results = await proceed();
      if (statements[0]?.includes("DELETE FROM events")) deleted.push(results[0]?.meta.changes ?? 0);
      return results;
    });
    await new TestRelay({ DB }).runCron();
    expect(deleted).toEqual(Array(PAGES_PER_RUN).fill(PAGE));
    expect([await count("events"), await count("deliveries")]).toEqual([50, 50]);
    for (let run = 0; run < 2; run += 1) await relay.runCron();
    expect([await count("events"), await count("deliveries")]).toEqual([0, 0]);
  });

  /** D1 that takes so many seconds for each page. */
  const slowPages = (relay: TestRelay, seconds: number) =>
    interceptDatabase(env.DB, ({ statements }, proceed) => {
      if (statements[0]?.includes("AS isDeletable")) relay.passSeconds(seconds);
      return proceed();
    });

  it("stops after 20 seconds, and leaves the rest to the next run", async () => {
    const relay = new TestRelay();
    relay.env = { ...relay.env, DB: slowPages(relay, 5) };
    await insertEvents(many("old", PAGE * 5), relay.now - 40 * DAY_MS, ["delivered"]);
    const startedAt = relay.now;
    await relay.runCron();
    expect([await count("events"), relay.now - startedAt]).toEqual([PAGE, SECONDS_PER_RUN * 1_000]);
    await relay.runCron();
    expect(await count("events")).toBe(0);
  });

  it.each(["all of one instant", "one a second"])(
    "comes past what stays, %s, to what is behind it, and back to it when its time has come",
    async (title) => {
      const relay = new TestRelay();
      relay.env = { ...relay.env, DB: slowPages(relay, 2) };
      const kept = many("dead", (PAGE * SECONDS_PER_RUN) / 2 + 50);
      if (title === "all of one instant") {
        await insertEvents(kept, relay.now - 50 * DAY_MS, ["dead"]);
      } else {
        await insertEvents(kept, 0, ["dead"]);
        const spread = `received_at = ?1 + 1000 * CAST(substr(%, 6) AS INTEGER)`;
        for (const [table, id] of [
          ["events", "id"],
          ["deliveries", "event_id"],
        ] as const) {
          await env.DB.prepare(`UPDATE ${table} SET ${spread.replace("%", id)}`)
            .bind(relay.now - 50 * DAY_MS)
            .run();
        }
      }
      await insertEvents(["old"], relay.now - 40 * DAY_MS, ["delivered"]);
      await relay.runCron();
      expect(await count("events")).toBe(kept.length + 1);
      for (let run = 0; run < 2; run += 1) await relay.runCron();
      expect(await count("events")).toBe(kept.length);
      relay.now += 11 * DAY_MS;
      for (let run = 0; run < 3; run += 1) await relay.runCron();
      expect(await idsIn("events")).toEqual([]);
    },
  );

  it("that fails deletes whole pages only, and the next run does the rest", async () => {
    const relay = new TestRelay();
    await insertEvents(many("old", PAGE + 50), relay.now - 40 * DAY_MS, ["delivered", "delivered"]);
    let pages = 0;
    const breakOff: Intercept = ({ statements }, proceed) => {
      if (!statements[0]?.includes("DELETE FROM events")) return proceed();
      pages += 1;
      return pages === 2 ? Promise.reject(new Error("The isolate died")) : proceed();
    };
    await expect(new TestRelay({ DB: interceptDatabase(env.DB, breakOff) }).runCron()).rejects.toThrow();
    expect([await count("events"), await count("deliveries")]).toEqual([50, 100]);
    await relay.runCron();
    expect([await count("events"), await count("deliveries")]).toEqual([0, 0]);
  });

  it("repeats the deletion of a page when D1 lost the answer", async () => {
    const relay = new TestRelay();
    await insertEvents(["old"], relay.now - 40 * DAY_MS, ["delivered"]);
    let isLost = false;
    const DB = interceptDatabase(env.DB, async ({ statements }, proceed) => {
      const results = await proceed();
      if (!isLost && statements[0]?.includes("DELETE FROM events")) {
        isLost = true;
        throw new Error("D1_ERROR: Network connection lost.");
      }
      return results;
    });
    await new TestRelay({ DB }).runCron();
    expect([isLost, await count("events"), await count("deliveries")]).toEqual([true, 0, 0]);
  });

  it("writes two rows to delete an event with one delivery, and reads no more than its page", async () => {
    const relay = new TestRelay();
    await insertEvents(many("old", 100), relay.now - 40 * DAY_MS, ["delivered"]);
    await insertEvents(many("young", 3_000), relay.now - DAY_MS, ["delivered"]);
    const meter = new Meter();
    let read = 0;
    const DB = interceptDatabase(env.DB, async (call, proceed) => {
      const results = await meter.intercept(call, proceed);
      if (/DELETE|AS deletable/.test(call.statements[0] ?? "")) for (const { meta } of results) read += meta.rows_read;
      return results;
    });
    await new TestRelay({ DB }).runCron();
    expect(meter.written.filter(({ statement }) => statement.startsWith("DELETE"))).toEqual([
      { statement: "DELETE FROM events", rows: 100 },
      { statement: "DELETE FROM deliveries", rows: 100 },
    ]);
    expect(read).toBeLessThan(2_500);
  });

  it("deletes nothing, and does the other tasks, while RETENTION_DAYS cannot be read", async () => {
    const relay = new TestRelay({ RETENTION_DAYS: "a month" });
    await insertEvents(["old"], relay.now - 400 * DAY_MS, ["delivered"]);
    await relay.runCron();
    expect(await idsIn("events")).toEqual(["old"]);
    expect(await env.DB.prepare("SELECT value FROM cron_state WHERE name = 'cron_ran_at'").first("value")).toBe(
      relay.now,
    );
  });
});

describe("a replay just before the deletion of an event", () => {
  /** Does something just before the first page is deleted. */
  const justBeforeDeletion = (act: () => Promise<unknown>): Intercept => {
    let isDone = false;
    return async ({ statements }, proceed) => {
      if (!isDone && statements[0]?.includes("DELETE FROM events")) {
        isDone = true;
        await act();
      }
      return proceed();
    };
  };
  const replayed = "replayed";
  const insertReplayed = (relay: TestRelay) =>
    insertEvents([replayed, "other"], relay.now - 40 * DAY_MS, ["delivered", "delivered"]);

  it.each([
    [
      "of one of its deliveries",
      "UPDATE deliveries SET status = 'pending' WHERE event_id = ?1 AND destination_id = 'd1'",
    ],
    [
      "to one more destination, before its first attempt",
      `UPDATE events SET recipients = '{"d0":null,"d1":null,"d2":null}' WHERE id = ?1`,
    ],
  ])("%s keeps the event and its deliveries", async (_title, sql) => {
    const relay = new TestRelay();
    await insertReplayed(relay);
    const act = () => env.DB.prepare(sql).bind(replayed).run();
    await new TestRelay({ DB: interceptDatabase(env.DB, justBeforeDeletion(act)) }).runCron();
    expect(await idsIn("events")).toEqual([replayed]);
    expect(await count("deliveries")).toBe(2);
  });

  it("to one more destination, already delivered, leaves no delivery without its event", async () => {
    const relay = new TestRelay();
    await insertReplayed(relay);
    const act = () =>
      env.DB.batch([
        env.DB.prepare(`UPDATE events SET recipients = '{"d0":null,"d1":null,"d2":null}' WHERE id = ?1`).bind(replayed),
        env.DB.prepare(
          `INSERT INTO deliveries (destination_id, received_at, event_id, status, attempts)
           SELECT 'd2', received_at, id, 'delivered', '[]' FROM events WHERE id = ?1`,
        ).bind(replayed),
      ]);
    await new TestRelay({ DB: interceptDatabase(env.DB, justBeforeDeletion(act)) }).runCron();
    expect([await idsIn("events"), await count("deliveries")]).toEqual([[replayed], 3]);
    relay.now += DAY_MS;
    for (let run = 0; run < 2; run += 1) await relay.runCron();
    expect([await count("events"), await count("deliveries")]).toEqual([0, 0]);
  });

  it("of an unmatched event keeps it", async () => {
    const relay = new TestRelay();
    await insertEvents([replayed], relay.now - 40 * DAY_MS, []);
    const act = () => env.DB.prepare(`UPDATE events SET recipients = '{"d0":null}' WHERE id = ?1`).bind(replayed).run();
    await new TestRelay({ DB: interceptDatabase(env.DB, justBeforeDeletion(act)) }).runCron();
    expect(await idsIn("events")).toEqual([replayed]);
  });
});
