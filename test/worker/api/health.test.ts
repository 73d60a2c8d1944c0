import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { openBindings } from "../../../src/env.ts";
import { RecentHealth } from "../../../src/api/health.ts";
import { type Intercept, Meter, failing, hanging, interceptDatabase, never } from "../support/database.ts";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { ORGANIZATION, insertConnection } from "../support/connections.ts";
import { dropTables, forgetLastMigration, migrate, noteLastMigration } from "../support/schema.ts";
import { statuses } from "../support/destinations.ts";

beforeEach(emptyDatabase);

/** Asks an isolate that was not asked before. */
function askFreshIsolate(relay: TestRelay): Promise<Response> {
  relay.env = { ...relay.env };
  return relay.fetch("/health");
}

async function health(relay: TestRelay): Promise<{ http: number; status: string; degraded: string[] }> {
  const response = await askFreshIsolate(relay);
  const { status, checks } = await response.json<{ status: string; checks: Record<string, { status: string }> }>();
  const degraded = Object.entries(checks)
    .filter(([, check]) => check.status !== "ok")
    .map(([name]) => name);
  return { http: response.status, status, degraded };
}

async function connectionsCheck(relay: TestRelay): Promise<{ status: string; detail: string; value: number }> {
  return (await (await askFreshIsolate(relay)).json<any>()).checks.connections;
}

const healthy = { http: 200, status: "ok", degraded: [] };

describe("health", () => {
  it("is ok once the cron has run, and public", async () => {
    const relay = new TestRelay();
    expect(await health(relay)).toEqual({ http: 503, status: "degraded", degraded: ["cron", "fan_out"] });
    await relay.runCron();
    expect(await health(relay)).toEqual(healthy);
  });

  it("is degraded when the cron has not run for more than 200 s", async () => {
    const relay = new TestRelay();
    await relay.runCron();
    relay.passSeconds(200);
    expect(await health(relay)).toEqual(healthy);
    relay.passSeconds(1);
    expect((await health(relay)).degraded).toEqual(["cron"]);
  });

  it("is degraded when an event has waited for its first attempts for more than 180 s", async () => {
    const relay = new TestRelay();
    await relay.send(makePayload("v1/cards"));
    relay.passSeconds(180);
    await relay.runCron();
    expect(await health(relay)).toEqual(healthy);
    relay.passSeconds(1);
    await relay.runCron();
    expect((await health(relay)).degraded).toEqual(["fan_out"]);
    await relay.runQueues();
    await relay.runCron();
    expect(await health(relay)).toEqual(healthy);
  });

  it("is degraded when a delivery has been overdue for more than 180 s, unless its circuit is open, it is paused or its next drain is later", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination("https://destination.example.com/hook");
    relay.destinations.answer("https://destination.example.com/hook", statuses(500));
    await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    relay.passSeconds(5 + 180);
    await relay.runCron();
    expect(await health(relay)).toEqual(healthy);
    relay.passSeconds(1);
    expect((await health(relay)).degraded).toEqual(["deliveries"]);
    const openCircuit = "UPDATE destinations SET circuit_opened_at = ?1, next_drain_at = ?1";
    await env.DB.prepare(openCircuit).bind(relay.now).run();
    expect(await health(relay)).toEqual(healthy);
    await env.DB.prepare(openCircuit).bind(null).run();
    await env.DB.prepare("UPDATE destinations SET next_drain_at = ?1")
      .bind(relay.now - 180_000)
      .run();
    expect(await health(relay)).toEqual(healthy);
    await env.DB.prepare("UPDATE destinations SET next_drain_at = ?1")
      .bind(relay.now - 181_000)
      .run();
    expect((await health(relay)).degraded).toEqual(["deliveries"]);
    await relay.api("PATCH", `/api/destinations/${id}`, { enabled: false });
    expect(await health(relay)).toEqual(healthy);
  });

  it("is degraded when a circuit has been open for more than an hour, and names the destination", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination("https://destination.example.com/hook");
    relay.destinations.answer("https://destination.example.com/hook", statuses(500));
    await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    await env.DB.prepare("UPDATE destinations SET circuit_opened_at = ?1, next_drain_at = ?1").bind(relay.now).run();
    relay.passSeconds(3_600);
    await relay.runCron();
    expect(await health(relay)).toEqual(healthy);
    relay.passSeconds(1);
    const response = await askFreshIsolate(relay);
    expect(await response.json()).toMatchObject({
      status: "degraded",
      checks: {
        open_circuits: { status: "degraded", detail: `1 circuit is open: ${id}, for 3601 s.`, value: 3_601 },
      },
    });
    // Without a pending delivery there is nothing to probe it with, and nobody misses it.
    await env.DB.prepare("UPDATE deliveries SET status = 'dead', next_attempt_at = NULL").run();
    expect(await health(relay)).toEqual(healthy);
  });

  it("is degraded for an hour after a dead letter", async () => {
    const relay = new TestRelay();
    await env.DB.prepare("INSERT INTO dead_letters (id, kind, received_at, message) VALUES ('m1', 'due', ?1, '{}')")
      .bind(relay.now)
      .run();
    await relay.runCron();
    expect((await health(relay)).degraded).toEqual(["dead_letters"]);
    relay.passSeconds(3_601);
    await relay.runCron();
    expect(await health(relay)).toEqual(healthy);
  });

  it("is ok without a connection to Qonto, and with one that works", async () => {
    const relay = new TestRelay();
    await relay.runCron();
    expect((await connectionsCheck(relay)).detail).toBe("No connection to Qonto.");
    await insertConnection(relay.now);
    expect(await connectionsCheck(relay)).toEqual({
      status: "ok",
      detail: "1 connection to Qonto, none at fault.",
      value: 0,
      limit: 0,
    });
    expect(await health(relay)).toEqual(healthy);
  });

  it.each(["expired", "revoked"])("is degraded when a connection is %s, and says what to do", async (status) => {
    const relay = new TestRelay();
    await relay.runCron();
    await insertConnection(relay.now, { id: "con_0", organization_id: "org-2" });
    await insertConnection(relay.now, { status, ended_at: relay.now });
    expect((await health(relay)).degraded).toEqual(["connections"]);
    expect(await connectionsCheck(relay)).toMatchObject({
      detail: `The connection con_1 is ${status}: connect it again on the console's page Qonto.`,
      value: 1,
    });
    const text = await (await relay.fetch("/health")).text();
    for (const ofOrganization of [ORGANIZATION, "Elektro Tesla"]) expect(text).not.toContain(ofOrganization);
  });

  it("is degraded when a subscription has been missing for more than an hour", async () => {
    const relay = new TestRelay();
    const missing = { id: null, types: ["v1/cards"], status: "missing", keyId: null, missingSince: relay.now };
    const active = { id: "sub_1", types: ["v1/transfers"], status: "active", keyId: "key_1" };
    await insertConnection(relay.now, { subscriptions: [active, missing] });
    relay.passSeconds(3_600);
    await relay.runCron();
    expect(await health(relay)).toEqual(healthy);
    relay.passSeconds(1);
    expect((await health(relay)).degraded).toEqual(["connections"]);
    expect((await connectionsCheck(relay)).detail).toContain("has been missing for 3601 s");
  });

  it("is degraded when no subscription was ever seen in an hour: Qonto does not list them to this token", async () => {
    const relay = new TestRelay();
    await insertConnection(relay.now, { subscriptions: [] });
    relay.passSeconds(3_600);
    await relay.runCron();
    expect(await health(relay)).toEqual(healthy);
    relay.passSeconds(1);
    expect((await connectionsCheck(relay)).detail).toContain("has been missing for 3601 s");
  });

  it("is degraded when no check of the subscriptions has succeeded for more than an hour, since it was connected", async () => {
    const relay = new TestRelay();
    const subscription = { types: ["v1/cards"], status: "active", keyId: "key_1" };
    const own = { ...subscription, id: "sub_2", checkedAt: relay.now };
    const surplus = { ...subscription, id: "sub_1", checkedAt: relay.now - 900_000 };
    await insertConnection(relay.now - 7_200_000, { subscriptions: [surplus, own], reconciled_until: relay.now });
    relay.passSeconds(3_600);
    await relay.runCron();
    expect(await health(relay)).toEqual(healthy);
    relay.passSeconds(1);
    expect((await health(relay)).degraded).toEqual(["connections"]);
    expect((await connectionsCheck(relay)).detail).toBe(
      "The last check of the subscriptions of con_1 that succeeded was 3601 s ago: the console's page Qonto says why.",
    );
    await env.DB.prepare("UPDATE connections SET connected_at = ?1").bind(relay.now).run();
    expect(await health(relay)).toEqual(healthy);
  });

  it("is degraded when the state has not been reconciled for more than six hours", async () => {
    const relay = new TestRelay();
    await insertConnection(relay.now);
    const until = new Date(relay.now).toISOString();
    relay.passSeconds(6 * 3_600);
    await relay.runCron();
    expect(await health(relay)).toEqual(healthy);
    relay.passSeconds(1);
    expect((await health(relay)).degraded).toEqual(["connections"]);
    expect((await connectionsCheck(relay)).detail).toContain(`is complete only up to ${until}`);
    // Connected again: it catches up first.
    await env.DB.prepare("UPDATE connections SET connected_at = ?1").bind(relay.now).run();
    expect(await health(relay)).toEqual(healthy);
  });

  it("is degraded when the state is not filled six hours after connecting", async () => {
    const relay = new TestRelay();
    await insertConnection(relay.now, { reconciled_until: null });
    relay.passSeconds(6 * 3_600 + 1);
    await relay.runCron();
    expect((await connectionsCheck(relay)).detail).toContain("is not complete yet");
  });

  it("shows the value and the limit of each check", async () => {
    const relay = new TestRelay();
    await relay.runCron();
    relay.passSeconds(42);
    const { checks } = await (await relay.fetch("/health")).json<{ checks: object }>();
    expect(checks).toMatchObject({
      schema: { value: 0, limit: 0 },
      cron: { value: 42, limit: 200 },
      fan_out: { value: 0, limit: 180 },
      deliveries: { value: 0, limit: 180 },
      open_circuits: { value: 0, limit: 3_600 },
      dead_letters: { value: 0, limit: 0 },
      storage: { value: expect.any(Number), limit: 8_000_000_000 },
    });
  });

  it("is degraded when the database exceeds four fifths of D1's limit", async () => {
    let size: number | undefined;
    const DB = interceptDatabase(env.DB, async (_call, proceed) => {
      const results = await proceed();
      for (const { meta } of results) Object.assign(meta, { size_after: size });
      return results;
    });
    const relay = new TestRelay({ DB });
    await relay.runCron();
    for (const [bytes, degraded, detail] of [
      [8_000_000_000, [], "The database holds 8 GB of the 10 GB that D1 takes."],
      [8_010_000_000, ["storage"], "The database holds 8.01 GB of the 10 GB that D1 takes."],
      [undefined, [], "D1 does not report the size of the database."],
    ] as const) {
      size = bytes;
      expect((await health(relay)).degraded).toEqual(degraded);
      const { checks } = await (await relay.fetch("/health")).json<{ checks: object }>();
      expect(checks).toMatchObject({ storage: { detail, value: bytes ?? null } });
    }
  });

  it("costs one D1 call", async () => {
    const meter = new Meter();
    const relay = new TestRelay({ DB: interceptDatabase(env.DB, meter.intercept) });
    await relay.fetch("/health");
    expect(meter.calls).toBe(1);
  });

  it.each([
    ["hangs", hanging],
    ["fails", failing],
  ])("is degraded when D1 %s", async (_title, intercept) => {
    const relay = new TestRelay({ DB: interceptDatabase(env.DB, intercept) });
    expect((await health(relay)).degraded).toContain("database");
  });

  it.each([
    ["QONTO_WEBHOOK_SECRETS", { QONTO_WEBHOOK_SECRETS: "" }],
    ["ADMIN_TOKEN", { ADMIN_TOKEN: "" }],
    ["RETENTION_DAYS", { RETENTION_DAYS: "a month" }],
  ])("names %s when it is invalid", async (name, changes) => {
    const relay = new TestRelay(changes);
    await relay.runCron();
    const response = await relay.fetch("/health");
    expect(response.status).toBe(503);
    expect(((await response.json()) as any).checks.configuration.detail).toContain(name);
  });

  it.each([
    [
      { ADMIN_TOKEN: "thirty-one-characters-are-short" },
      "ADMIN_TOKEN is too short: it must have at least 32 characters.",
    ],
    [{ SIGNATURE_TOLERANCE_SECONDS: "100000" }, "SIGNATURE_TOLERANCE_SECONDS must be a whole number from 1 to 86400."],
  ])("says what is wrong with %o without its value", async (changes, detail) => {
    const relay = new TestRelay(changes);
    const response = await relay.fetch("/health");
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ checks: { configuration: { status: "degraded", detail } } });
  });

  it("is ok without the onboarding secrets: not everybody uses that API", async () => {
    const relay = new TestRelay({ QONTO_ONBOARDING_SECRETS: "" });
    await relay.runCron();
    expect(await health(relay)).toEqual(healthy);
  });
});

describe("health of a database that lacks migrations", () => {
  const lacks = (...names: string[]) => ({
    status: "degraded",
    detail: `The database lacks ${names.join(", ")}. Run \`npm run deploy\`, which applies ${names.length === 1 ? "it" : "them"}.`,
    value: names.length,
    limit: 0,
  });
  const last = env.MIGRATIONS.at(-1)?.name ?? "";

  async function checksOf(relay: TestRelay): Promise<Record<string, { status: string; detail: string }>> {
    const response = await askFreshIsolate(relay);
    expect(response.status).toBe(503);
    return (await response.json<{ checks: Record<string, { status: string; detail: string }> }>()).checks;
  }

  it("names all of them while there is no table, and says that D1 answers", async () => {
    const relay = new TestRelay();
    await dropTables();
    const { configuration, database, schema, ...others } = await checksOf(relay);
    await migrate();
    expect(schema).toEqual(lacks(...env.MIGRATIONS.map(({ name }) => name)));
    expect([configuration?.status, database]).toEqual(["ok", expect.objectContaining({ status: "ok" })]);
    expect(new Set(Object.values(others).map(({ detail }) => detail))).toEqual(
      new Set(["The database lacks tables that this check reads."]),
    );
  });

  it("names the missing one, and checks the rest", async () => {
    const relay = new TestRelay();
    await relay.runCron();
    await forgetLastMigration();
    const { schema, ...others } = await checksOf(relay);
    await noteLastMigration();
    expect(schema).toEqual(lacks(last));
    expect(new Set(Object.values(others).map(({ status }) => status))).toEqual(new Set(["ok"]));
    expect(await health(relay)).toEqual(healthy);
  });

  it("is degraded when a table is missing though every migration is noted", async () => {
    const relay = new TestRelay();
    await env.DB.prepare("ALTER TABLE dead_letters RENAME TO dead_letters_away").run();
    const { schema } = await checksOf(relay);
    await env.DB.prepare("ALTER TABLE dead_letters_away RENAME TO dead_letters").run();
    expect(schema).toMatchObject({ status: "degraded", value: null });
  });
});

describe("health that is asked for often", () => {
  function metered() {
    const relay = new TestRelay();
    const meter = new Meter();
    relay.env = { ...relay.env, DB: interceptDatabase(env.DB, meter.intercept) };
    return { relay, meter };
  }

  it("costs one D1 call for a hundred requests at once", async () => {
    const { relay, meter } = metered();
    const answers = await Promise.all(Array.from({ length: 100 }, async () => (await relay.fetch("/health")).text()));
    expect(meter.calls).toBe(1);
    expect(new Set(answers).size).toBe(1);
  });

  it("costs one D1 call in ten seconds, whatever query or headers are sent", async () => {
    const { relay, meter } = metered();
    for (let second = 0; second < 10; second += 1) {
      await relay.fetch(`/health?${second}`, {
        headers: { authorization: `Bearer ${second}`, "cache-control": "no-cache" },
      });
      relay.passSeconds(1);
    }
    expect(meter.calls).toBe(1);
    await relay.fetch("/health");
    expect(meter.calls).toBe(2);
  });

  it("notices within ten seconds that D1 is down, and that it is back", async () => {
    const relay = new TestRelay();
    let isDown = false;
    const intercept: Intercept = (call, proceed) => (isDown ? failing(call, proceed) : proceed());
    relay.env = { ...relay.env, DB: interceptDatabase(env.DB, intercept) };
    const database = async () => (await (await relay.fetch("/health")).json<any>()).checks.database.status;
    expect(await database()).toBe("ok");
    isDown = true;
    relay.passSeconds(10);
    expect(await database()).toBe("degraded");
    isDown = false;
    relay.passSeconds(10);
    expect(await database()).toBe("ok");
  });

  it("is checked again when the request that checked was cut short", async () => {
    const relay = new TestRelay();
    let calls = 0;
    const intercept: Intercept = (_call, proceed) => ((calls += 1) === 1 ? never : proceed());
    const bindings = openBindings(relay.clock)({ ...relay.env, DB: interceptDatabase(env.DB, intercept) });
    const recent = new RecentHealth();
    // Neither an answer nor a timer reaches a request that is over.
    void recent.judge(bindings, { now: relay.clock.now, setTimer: () => () => undefined });
    const health = await relay.clock.waitFor(recent.judge(bindings, relay.clock));
    expect(health.checks.database.status).toBe("ok");
    expect(calls).toBe(2);
  });
});
