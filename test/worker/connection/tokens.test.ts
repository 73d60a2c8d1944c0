import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { sleep } from "../../../src/platform/timeout.ts";
import { connectionHealthSql } from "../../../src/store/connection-health.ts";
import { connectDirectly, qontoApplication } from "../support/connected-relay.ts";
import { never } from "../support/database.ts";
import { ENCRYPTION_KEY, TestRelay, emptyDatabase } from "../support/relay.ts";
import {
  REFRESH_IS_DUE_SECONDS,
  endConsents,
  intercept,
  isWriteOfTokens,
  killAtWriteOfTokens,
  liveThroughMinutes,
  lookAfter,
  rowOf,
  tokenRequests,
  works,
  writeOtherTokens,
} from "./scene.ts";

beforeEach(emptyDatabase);

/** A relay whose tokens are due to be refreshed, and nothing else of the connection is. */
async function relayWithOldTokens() {
  const relay = new TestRelay(qontoApplication);
  const connection = await connectDirectly(relay);
  await env.DB.prepare("UPDATE connections SET subscriptions_due_at = 9e15, reconciliation_due_at = 9e15").run();
  relay.passSeconds(REFRESH_IS_DUE_SECONDS);
  return { relay, connection };
}

async function lostEvents(): Promise<unknown[]> {
  const { results } = await env.DB.prepare("SELECT body FROM events WHERE type = 'relay.connection.lost'").all<{
    body: string;
  }>();
  return results.map(({ body }) => JSON.parse(body));
}

describe("tokens are refreshed", () => {
  it("well before they end, and not before that", async () => {
    const relay = new TestRelay(qontoApplication);
    const connection = await connectDirectly(relay);
    relay.passSeconds(39 * 60);
    await relay.runCron();
    expect(tokenRequests(relay)).toBe(0);
    relay.passSeconds(2 * 60);
    await relay.runCron();
    expect(tokenRequests(relay)).toBe(1);
    const { refreshedAt, refreshAttemptedAt, refreshFailures, accessToken } = await rowOf(connection);
    expect(refreshedAt).toBeGreaterThan(connection.refreshedAt);
    expect([refreshAttemptedAt, refreshFailures]).toEqual([null, 0]);
    expect(accessToken).not.toBe(connection.accessToken);
    expect(await works(relay, connection)).toBe(true);
  });

  it("for months, each time with the refresh token of the last", async () => {
    const { relay, connection } = await relayWithOldTokens();
    for (let week = 0; week < 20; week += 1) {
      await lookAfter(relay);
      relay.passSeconds(7 * 86_400);
    }
    await lookAfter(relay);
    expect(tokenRequests(relay)).toBe(21);
    expect(await works(relay, connection)).toBe(true);
  });

  it("once by two crons at once, however slow Qonto is", async () => {
    const { relay, connection } = await relayWithOldTokens();
    relay.qonto.faults.paths.set("/oauth2/token", { delayMs: 5_000 });
    await Promise.all([relay.runCron(), relay.runCron()]);
    expect(tokenRequests(relay)).toBe(1);
    expect(await works(relay, connection)).toBe(true);
  });

  it("once by a cron and the message of an attempt that is still in progress", async () => {
    const { relay, connection } = await relayWithOldTokens();
    relay.qonto.faults.paths.set("/oauth2/token", { delayMs: 9_000 });
    const running = relay.runCron();
    await relay.clock.waitFor(sleep(2_000, relay.clock));
    relay.retries.hold({ id: "early", body: { kind: "refresh", connection_id: connection.id }, dueAt: 0, tries: 0 });
    await relay.runQueues();
    await running;
    expect(tokenRequests(relay)).toBe(1);
    expect(await works(relay, connection)).toBe(true);
  });

  it("for each of several organizations, whatever becomes of the others", async () => {
    const relay = new TestRelay(qontoApplication);
    const banks = [relay.qonto.bank, relay.qonto.addBank(), relay.qonto.addBank()];
    const connections = [];
    for (const { organizationId } of banks) connections.push(await connectDirectly(relay, { organizationId }));
    await relay.qonto.revokeConsent(banks[1]?.organizationId);
    relay.passSeconds(REFRESH_IS_DUE_SECONDS);
    await relay.runCron();
    const rows = await Promise.all(connections.map(rowOf));
    expect(rows.map(({ status }) => status)).toEqual(["connected", "expired", "connected"]);
    expect(await Promise.all(connections.map((one) => works(relay, one)))).toEqual([true, false, true]);
  });

  it("with the staging token in the sandbox, and not for a connection of the other environment", async () => {
    const { relay, connection } = await relayWithOldTokens();
    relay.env = { ...relay.env, QONTO_ENVIRONMENT: "sandbox", QONTO_STAGING_TOKEN: "staging" };
    await relay.runCron();
    expect(tokenRequests(relay)).toBe(0);
    expect((await rowOf(connection)).status).toBe("connected");
  });

  it("and the scopes that Qonto tells then are noted", async () => {
    const { relay, connection } = await relayWithOldTokens();
    relay.qonto.reduceScopes(connection.organizationId, ["offline_access", "organization.read"]);
    await relay.runCron();
    expect((await rowOf(connection)).scopes).toEqual(["offline_access", "organization.read"]);
  });
});

describe("a process that is killed between Qonto's answer and the write", () => {
  it("costs nothing: the message of the attempt repeats it", async () => {
    const { relay, connection } = await relayWithOldTokens();
    const revive = killAtWriteOfTokens(relay);
    await expect(relay.runCron()).rejects.toThrow("The process is gone");
    revive();
    expect((await rowOf(connection)).refreshedAt).toBe(connection.refreshedAt);
    await relay.liveThrough(20);
    expect(tokenRequests(relay)).toBe(2);
    expect((await rowOf(connection)).refreshAttemptedAt).toBeNull();
    expect(await works(relay, connection)).toBe(true);
  });

  it("costs nothing when the message is lost too: the next run of the cron repeats it", async () => {
    const { relay, connection } = await relayWithOldTokens();
    const revive = killAtWriteOfTokens(relay);
    await expect(relay.runCron()).rejects.toThrow("The process is gone");
    revive();
    relay.retries.waiting = [];
    relay.passSeconds(58);
    await relay.runCron();
    expect(tokenRequests(relay)).toBe(2);
    expect(await works(relay, connection)).toBe(true);
  });

  it("costs nothing when the message is lost, and the relay is back at once: its first run sends another", async () => {
    const { relay, connection } = await relayWithOldTokens();
    const revive = killAtWriteOfTokens(relay);
    await expect(relay.runCron()).rejects.toThrow("The process is gone");
    revive();
    relay.retries.waiting = [];
    relay.passSeconds(5);
    await relay.runCron();
    expect(tokenRequests(relay)).toBe(1);
    await relay.liveThrough(20);
    expect(tokenRequests(relay)).toBe(2);
    expect(await works(relay, connection)).toBe(true);
  });

  it("and again in each further try, ends as expired only once the grace is over", async () => {
    const { relay, connection } = await relayWithOldTokens();
    const revive = killAtWriteOfTokens(relay);
    await expect(relay.runCron()).rejects.toThrow("The process is gone");
    revive();
    relay.retries.waiting = [];
    relay.passSeconds(70);
    await relay.runCron();
    // Somebody may still be writing.
    expect(tokenRequests(relay)).toBe(1);
    relay.passSeconds(70);
    await relay.runCron();
    expect(tokenRequests(relay)).toBe(2);
    expect((await rowOf(connection)).status).toBe("expired");
  });
});

describe("while D1 stalls", () => {
  it("new tokens are written until they are kept, and nobody takes them away meanwhile", async () => {
    const { relay, connection } = await relayWithOldTokens();
    let stalledUntil = 0;
    intercept(relay, async (call, proceed) => {
      if (isWriteOfTokens(call) && stalledUntil === 0) stalledUntil = relay.now + 75_000;
      const waitMs = stalledUntil - relay.now;
      if (waitMs <= 0) return proceed();
      if (isWriteOfTokens(call)) return never;
      await sleep(waitMs, relay.clock);
      return proceed();
    });
    const running = relay.runCron();
    await relay.clock.waitFor(sleep(16_000, relay.clock));
    await Promise.all([running, relay.runQueues(), relay.runCron()]);
    expect(tokenRequests(relay)).toBe(1);
    expect((await rowOf(connection)).status).toBe("connected");
    expect(await works(relay, connection)).toBe(true);
  });

  it("a write that D1 makes late does not replace newer tokens", async () => {
    const { relay, connection } = await relayWithOldTokens();
    let late: (() => Promise<D1Result[]>) | undefined;
    intercept(relay, (call, proceed) => {
      if (late !== undefined || !isWriteOfTokens(call)) return proceed();
      late = proceed;
      return never;
    });
    await relay.runCron();
    relay.passSeconds(REFRESH_IS_DUE_SECONDS);
    await relay.runCron();
    const before = await rowOf(connection);
    await late?.();
    expect(tokenRequests(relay)).toBe(2);
    expect(await rowOf(connection)).toEqual(before);
  });

  it("no attempt goes to Qonto that others may take for interrupted", async () => {
    const { relay, connection } = await relayWithOldTokens();
    intercept(relay, async ({ statements }, proceed) => {
      const results = await proceed();
      if (statements[0]?.includes("SET refresh_attempted_at = ?4\n")) await sleep(30_000, relay.clock);
      return results;
    });
    await relay.runCron();
    expect(tokenRequests(relay)).toBe(0);
    intercept(relay, (_call, proceed) => proceed());
    await relay.liveThrough(20);
    expect(tokenRequests(relay)).toBe(1);
    expect(await works(relay, connection)).toBe(true);
  });
});

it("a queue that hangs does not keep tokens from being refreshed", async () => {
  const { relay, connection } = await relayWithOldTokens();
  relay.retries.beforeSend = () => new Promise(() => undefined);
  await relay.runCron();
  expect(tokenRequests(relay)).toBe(1);
  expect(await works(relay, connection)).toBe(true);
});

describe("an answer of Qonto's that is lost", () => {
  it.each(["lost", "cut json"] as const)("is made up for within the grace of the old token: %s", async (answer) => {
    const { relay, connection } = await relayWithOldTokens();
    relay.qonto.faults.paths.set("/oauth2/token", { answer, times: 2 });
    await relay.runCron();
    await relay.liveThrough(45);
    expect(tokenRequests(relay)).toBe(3);
    expect(await rowOf(connection)).toMatchObject({ status: "connected", lastError: null, refreshFailures: 0 });
    expect(await works(relay, connection)).toBe(true);
  });

  it.each([
    ["is late", { delayMs: 25_000, times: 2 }],
    ["is lost", { answer: "lost", times: 1 }],
    ["is cut off", { answer: "cut json", times: 1 }],
  ] as const)("costs nothing when it %s after an outage", async (_title, fault) => {
    const { relay, connection } = await relayWithOldTokens();
    relay.qonto.faults.paths.set("*", { status: 503 });
    await liveThroughMinutes(relay, 10);
    expect((await rowOf(connection)).refreshFailures).toBeGreaterThan(4);
    relay.qonto.faults.paths.clear();
    relay.qonto.faults.paths.set("/oauth2/token", fault);
    await liveThroughMinutes(relay, 40);
    expect(await rowOf(connection)).toMatchObject({ status: "connected", lastError: null, refreshFailures: 0 });
    expect(await works(relay, connection)).toBe(true);
  });

  it("costs nothing when the queue hangs too, and the next run of the cron comes late", async () => {
    const { relay, connection } = await relayWithOldTokens();
    relay.retries.beforeSend = () => new Promise(() => undefined);
    relay.qonto.faults.paths.set("/oauth2/token", { delayMs: 12_000, times: 1 });
    const attemptedAt = relay.now;
    await lookAfter(relay);
    relay.passTo(attemptedAt + 65_000);
    await lookAfter(relay);
    expect(await rowOf(connection)).toMatchObject({ status: "connected", lastError: null, refreshFailures: 0 });
    expect(await works(relay, connection)).toBe(true);
  });

  it("costs nothing when each is late by 20 s", async () => {
    const { relay, connection } = await relayWithOldTokens();
    relay.qonto.faults.paths.set("/oauth2/token", { delayMs: 20_000 });
    await liveThroughMinutes(relay, 3);
    relay.qonto.faults.paths.clear();
    await liveThroughMinutes(relay, 3);
    expect(await rowOf(connection)).toMatchObject({ status: "connected", lastError: null, refreshFailures: 0 });
    expect(await works(relay, connection)).toBe(true);
  });
});

describe("while Qonto is down", () => {
  it.each([
    ["it answers 503", { status: 503 }, 18],
    // It may have exchanged the token, so that each attempt is repeated once.
    ["it hangs", { answer: "hangs" }, 26],
    ["it cannot be reached", { answer: "cut" }, 26],
    ["a page stands in its place", { answer: "html" }, 26],
    ["it has too many requests", { status: 429 }, 18],
    ["it refuses the application", { status: 403 }, 18],
  ] as const)(
    "it is asked less and less often, and the tokens work when it is back: %s",
    async (_title, fault, most) => {
      const { relay, connection } = await relayWithOldTokens();
      relay.qonto.faults.paths.set("*", fault);
      await liveThroughMinutes(relay, 2 * 60);
      const down = await rowOf(connection);
      expect(down).toMatchObject({ status: "connected", lastError: expect.stringMatching(/^Qonto .*\.$/) });
      // Four an hour in the end, or eight.
      expect(tokenRequests(relay)).toBeLessThan(most);
      expect(tokenRequests(relay)).toBeGreaterThan(10);
      relay.qonto.faults.paths.clear();
      await liveThroughMinutes(relay, 16);
      expect(await rowOf(connection)).toMatchObject({ status: "connected", lastError: null, refreshFailures: 0 });
      expect(await works(relay, connection)).toBe(true);
      expect(await lostEvents()).toEqual([]);
    },
  );

  it("for a day, with all else that is due, everything goes on when it is back", async () => {
    const relay = new TestRelay(qontoApplication);
    const connection = await connectDirectly(relay);
    relay.qonto.faults.status = 503;
    await liveThroughMinutes(relay, 24 * 60, 5);
    expect(relay.qonto.calls.length).toBeLessThan(700);

    expect((await rowOf(connection)).status).toBe("connected");
    delete relay.qonto.faults.status;
    await liveThroughMinutes(relay, 20);
    const row = await rowOf(connection);
    expect(row).toMatchObject({ status: "connected", lastError: null, subscriptions: [{ status: "active" }] });
    expect(row.reconciledUntil).toBeGreaterThan(relay.now - 1_200_000);
    expect(await works(relay, connection)).toBe(true);
  });
});

describe("Qonto no longer accepts the refresh token", () => {
  it("ends the connection, and tells those who want to know, once", async () => {
    const { relay, connection } = await relayWithOldTokens();
    await relay.addDestination("https://operations.example.com/", { types: ["relay.*"] });
    endConsents(relay, connection);
    await relay.runCron();
    await relay.runQueues();
    const row = await rowOf(connection);
    expect(row).toMatchObject({ status: "expired", endedAt: relay.now, refreshAttemptedAt: null });
    expect(row.lastError).toContain("Connect the organization again.");
    await liveThroughMinutes(relay, 5);
    expect(tokenRequests(relay)).toBe(1);
    const told = relay.destinations.at("https://operations.example.com/").map(({ text }) => JSON.parse(text));
    expect(told).toEqual(await lostEvents());
    expect(told).toMatchObject([
      {
        type: "relay.connection.lost",
        organization_id: connection.organizationId,
        data: { connection_id: connection.id, status: "expired" },
      },
    ]);
  });

  it("is said of the connection, also when a step has found it out", async () => {
    const relay = new TestRelay(qontoApplication);
    const connection = await connectDirectly(relay);
    endConsents(relay, connection);
    await relay.runCron();
    const row = await rowOf(connection);
    expect(row).toMatchObject({
      status: "expired",
      lastError: expect.stringContaining("no longer accepts the refresh token."),
    });
  });

  it("does not when another isolate has refreshed them meanwhile", async () => {
    const { relay, connection } = await relayWithOldTokens();
    endConsents(relay, connection);
    relay.qonto.faults.paths.set("/oauth2/token", { delayMs: 3_000 });
    const running = relay.runCron();
    await relay.clock.waitFor(sleep(1_000, relay.clock));
    // Another isolate has exchanged it before, and writes only now.
    await writeOtherTokens(relay, connection);
    await running;
    expect(tokenRequests(relay)).toBe(1);
    expect(await rowOf(connection)).toMatchObject({ status: "connected", endedAt: null });
    expect(await works(relay, connection)).toBe(true);
    expect(await lostEvents()).toEqual([]);
  });

  it("leaves webhooks as they are", async () => {
    const { relay, connection } = await relayWithOldTokens();
    endConsents(relay, connection);
    await relay.runCron();
    const { body } = await relay.api("GET", "/api/events");
    const response = await relay.send({
      id: "after",
      type: "v1/cards",
      created_at: "2026-03-01T12:00:00Z",
      data: {},
    });
    expect(response.status).toBe(200);
    expect((await relay.api("GET", "/api/events")).body.data).toHaveLength(body.data.length + 1);
  });
});

describe("a consent that is revoked at Qonto", () => {
  it("is told by its webhook, and ends the connection as revoked", async () => {
    const relay = new TestRelay(qontoApplication);
    const connection = await connectDirectly(relay);
    relay.passSeconds(60);
    const { organizationId } = connection;
    await relay.send(
      relay.qonto.event("v1/consent-revocations", {
        data: { client_id: qontoApplication.QONTO_CLIENT_ID, revoked_at: new Date(relay.now).toISOString() },
        organization_id: organizationId,
      }),
    );
    await relay.runQueues();
    await relay.runCron();
    await relay.runCron();
    expect(await rowOf(connection)).toMatchObject({
      status: "revoked",
      lastError: expect.stringContaining("withdrawn"),
    });
    expect(await lostEvents()).toMatchObject([{ data: { status: "revoked" } }]);
    expect(tokenRequests(relay)).toBe(0);
  });

  it.each([
    ["of another application", { client_id: "another" }, 60],
    ["before it was connected", {}, -60],
  ])("ends nothing: %s", async (_title, changes, afterSeconds) => {
    const relay = new TestRelay(qontoApplication);
    const connection = await connectDirectly(relay);
    relay.passSeconds(120);
    const revokedAt = new Date(connection.connectedAt + afterSeconds * 1000).toISOString();
    await relay.send(
      relay.qonto.event("v1/consent-revocations", {
        data: { client_id: qontoApplication.QONTO_CLIENT_ID, revoked_at: revokedAt, ...changes },
      }),
    );
    await relay.runQueues();
    await relay.runCron();
    expect((await rowOf(connection)).status).toBe("connected");
  });

  it("is not lost a second time after the tokens have been", async () => {
    const { relay, connection } = await relayWithOldTokens();
    endConsents(relay, connection);
    await relay.runCron();
    const revoked_at = new Date(relay.now).toISOString();
    await relay.send(
      relay.qonto.event("v1/consent-revocations", {
        data: { client_id: qontoApplication.QONTO_CLIENT_ID, revoked_at },
      }),
    );
    await relay.runQueues();
    await relay.runCron();
    expect((await rowOf(connection)).status).toBe("revoked");
    expect(await lostEvents()).toHaveLength(1);
  });
});

it("a Date of Qonto's that is a day wrong harms nothing", async () => {
  const { relay, connection } = await relayWithOldTokens();
  relay.qonto.faults.clockSkewSeconds = -86_400;
  await relay.runCron();
  const { accessExpiresAt } = await rowOf(connection);
  expect(accessExpiresAt).toBe(relay.now + 3_600_000);
  await relay.runCron();
  expect(tokenRequests(relay)).toBe(1);
});

it("without an application of Qonto's the cron asks D1 about connections for the health alone", async () => {
  const relay = new TestRelay(qontoApplication);
  await connectDirectly(relay);
  const { QONTO_CLIENT_ID: _id, QONTO_CLIENT_SECRET: _secret, ...without } = relay.env;
  relay.env = without;
  const asked: string[] = [];
  intercept(relay, ({ statements }, proceed) => {
    asked.push(...statements);
    return proceed();
  });
  await relay.runCron();
  expect(asked.length).toBeGreaterThan(5);
  expect(asked.filter((sql) => sql.includes("FROM connections"))).toEqual([connectionHealthSql]);
});

it("tokens that no key decrypts are kept, and say what to do", async () => {
  const { relay, connection } = await relayWithOldTokens();
  relay.env = { ...relay.env, ENCRYPTION_KEYS: "another-key" };
  await relay.runCron();
  const row = await rowOf(connection);
  expect(row.lastError).toContain("No key of ENCRYPTION_KEYS decrypts the tokens.");
  expect([row.status, row.refreshToken]).toEqual(["connected", connection.refreshToken]);
  expect(tokenRequests(relay)).toBe(0);
});

it("tokens that no key decrypts say what to do before their refresh is due", async () => {
  const relay = new TestRelay(qontoApplication);
  const connection = await connectDirectly(relay);
  relay.env = { ...relay.env, ENCRYPTION_KEYS: "another-key" };
  await relay.runCron();
  expect((await rowOf(connection)).lastError).toMatch(/^\w+: No key of ENCRYPTION_KEYS decrypts the tokens\./);
});

it.each([{ QONTO_TYPES: "cards" }, { QONTO_CLIENT_SECRET: "" }, { QONTO_CLIENT_ID: "" }])(
  "tokens are encrypted again also while a variable of the connection cannot be read: %o",
  async (fault) => {
    const relay = new TestRelay(qontoApplication);
    const connection = await connectDirectly(relay);
    relay.env = { ...relay.env, ...fault, ENCRYPTION_KEYS: `new-key,${ENCRYPTION_KEY}` };
    await relay.runCron();
    expect((await rowOf(connection)).refreshToken).not.toBe(connection.refreshToken);
    relay.env = { ...relay.env, ...qontoApplication, QONTO_TYPES: "", ENCRYPTION_KEYS: "new-key" };
    expect(await works(relay, connection)).toBe(true);
  },
);

it("tokens that a short key has encrypted go on being decrypted, alone and behind a longer key", async () => {
  const short = "k".repeat(31);
  const relay = new TestRelay({ ...qontoApplication, ENCRYPTION_KEYS: short });
  const connection = await connectDirectly(relay);
  await relay.runCron();
  expect((await rowOf(connection)).refreshToken).toBe(connection.refreshToken);
  expect(await works(relay, connection)).toBe(true);
  relay.env = { ...relay.env, ENCRYPTION_KEYS: `${ENCRYPTION_KEY},${short}` };
  expect(await works(relay, connection)).toBe(true);
  await relay.runCron();
  relay.env = { ...relay.env, ENCRYPTION_KEYS: ENCRYPTION_KEY };
  expect(await works(relay, connection)).toBe(true);
});

it("tokens are encrypted again under a new first key, and still work when the old one is gone", async () => {
  const relay = new TestRelay(qontoApplication);
  const connection = await connectDirectly(relay);
  relay.env = { ...relay.env, ENCRYPTION_KEYS: `new-key,${ENCRYPTION_KEY}` };
  await relay.runCron();
  relay.env = { ...relay.env, ENCRYPTION_KEYS: "new-key" };
  expect(await works(relay, connection)).toBe(true);
  relay.passSeconds(REFRESH_IS_DUE_SECONDS);
  await relay.runCron();
  expect(tokenRequests(relay)).toBe(1);
  expect(await works(relay, connection)).toBe(true);
});
