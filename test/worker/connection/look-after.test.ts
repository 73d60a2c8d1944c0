import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { openQonto } from "../../../src/connection/open-qonto.ts";
import { fetchOrganization } from "../../../src/reconciliation/listings.ts";
import { connectDirectly, qontoApplication } from "../support/connected-relay.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import {
  contextOf,
  endConsents,
  intercept,
  liveThroughMinutes,
  lookAfter,
  refuseAccessTokens,
  rowOf,
  tokenRequests,
  works,
} from "./scene.ts";

beforeEach(emptyDatabase);

const SUBSCRIPTIONS = "/v2/webhook_subscriptions";

async function connectedRelay() {
  const relay = new TestRelay(qontoApplication);
  return { relay, connection: await connectDirectly(relay) };
}

function callsOf(relay: TestRelay, path: string): number {
  return relay.qonto.calls.filter((call) => call.includes(path)).length;
}

describe("an access token that Qonto refuses", () => {
  it("is replaced once, and the call repeated once", async () => {
    const { relay, connection } = await connectedRelay();
    relay.qonto.faults.paths.set("/v2/organization", { status: 401, times: 1 });
    const qonto = openQonto(connection, contextOf(relay));
    const { id } = await relay.clock.waitFor(fetchOrganization(qonto));
    expect(id).toBe(connection.organizationId);
    expect([tokenRequests(relay), callsOf(relay, "/v2/organization")]).toEqual([1, 2]);
    expect(await works(relay, connection)).toBe(true);
  });

  it("is not replaced when another isolate has done so: the call is repeated with its tokens", async () => {
    const { relay, connection } = await connectedRelay();
    const qonto = openQonto(connection, contextOf(relay));
    await refuseAccessTokens(relay, connection);
    const { id } = await relay.clock.waitFor(fetchOrganization(qonto));
    expect(id).toBe(connection.organizationId);
    expect([tokenRequests(relay), callsOf(relay, "/v2/organization")]).toEqual([0, 2]);
  });

  it("is not replaced a second time by the same client", async () => {
    const { relay, connection } = await connectedRelay();
    relay.qonto.faults.paths.set("/v2/organization", { status: 401 });
    const qonto = openQonto(connection, contextOf(relay));
    for (let call = 0; call < 3; call += 1) {
      await expect(relay.clock.waitFor(fetchOrganization(qonto))).rejects.toMatchObject({ status: 401 });
    }
    expect([tokenRequests(relay), callsOf(relay, "/v2/organization")]).toEqual([1, 4]);
  });

  it("and a refresh token that it refuses too end the connection, which says what to do", async () => {
    const { relay, connection } = await connectedRelay();
    endConsents(relay, connection);
    await lookAfter(relay);
    expect(await rowOf(connection)).toMatchObject({
      status: "expired",
      lastError: "Qonto no longer accepts the refresh token. Connect the organization again.",
    });
  });

  it("is refused a few times an hour at most, and nothing is lost", async () => {
    const { relay, connection } = await connectedRelay();
    await lookAfter(relay);
    const { subscriptions } = await rowOf(connection);
    relay.qonto.calls.length = 0;
    for (const path of ["/v2/organization", SUBSCRIPTIONS, "/v2/memberships", "/v2/transactions", "/v2/cards"]) {
      relay.qonto.faults.paths.set(path, { status: 401 });
    }
    await liveThroughMinutes(relay, 60);
    expect(tokenRequests(relay)).toBeGreaterThan(0);
    expect(relay.qonto.calls.length).toBeLessThan(30);
    const row = await rowOf(connection);
    expect(row).toMatchObject({ status: "connected", subscriptions });
    expect(row.lastError).toMatch(/^\w+: Qonto refuses \(401\): .*\.$/);
    relay.qonto.faults.paths.clear();
    await liveThroughMinutes(relay, 31);
    expect(await rowOf(connection)).toMatchObject({ status: "connected", lastError: null });
  });
});

describe("what fails for a connection", () => {
  it("stops no other one", async () => {
    const { relay, connection } = await connectedRelay();
    const { organizationId } = relay.qonto.addBank();
    const other = await connectDirectly(relay, { organizationId });
    let claims = 0;
    intercept(relay, ({ statements }, proceed) =>
      statements[0]?.includes("SET lease_until = ?2") && (claims += 1) === 1
        ? Promise.reject(new Error("D1 is out of sorts"))
        : proceed(),
    );
    await expect(lookAfter(relay)).rejects.toThrow("Some connections could not be looked after");
    const rows = [await rowOf(connection), await rowOf(other)];
    expect(rows.map(({ subscriptions }) => subscriptions.length).toSorted()).toEqual([0, 1]);
    await lookAfter(relay);
    expect((await rowOf(connection)).subscriptions).toHaveLength(1);
    expect((await rowOf(other)).subscriptions).toHaveLength(1);
  });

  it("by a fault of the relay is told as such, and no lease stays", async () => {
    const { relay, connection } = await connectedRelay();
    intercept(relay, ({ statements }, proceed) =>
      statements[0]?.includes("subscriptions = ?3") ? Promise.reject(new Error("D1 is out of sorts")) : proceed(),
    );
    await expect(lookAfter(relay)).rejects.toThrow("Some connections could not be looked after");
    expect(await rowOf(connection)).toMatchObject({ leaseUntil: relay.now, lastError: expect.stringContaining("log") });
  });

  it("is told until it is done again, and then no more", async () => {
    const { relay, connection } = await connectedRelay();
    relay.qonto.faults.paths.set(SUBSCRIPTIONS, { status: 403 });
    await liveThroughMinutes(relay, 10);
    await env.DB.prepare("UPDATE connections SET reconciliation_due_at = ?1").bind(relay.now).run();
    await lookAfter(relay);
    expect((await rowOf(connection)).lastReconciliation).not.toBeNull();
    expect((await rowOf(connection)).lastError).toMatch(/^Subscriptions: Qonto refuses \(403\)/);
    relay.qonto.faults.paths.clear();
    await liveThroughMinutes(relay, 10);
    expect((await rowOf(connection)).lastError).toBeNull();
  });

  it("is in the log, with the step and why", async () => {
    const { relay, connection } = await connectedRelay();
    relay.qonto.faults.paths.set(SUBSCRIPTIONS, { status: 403 });
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    await lookAfter(relay);
    const lines = log.mock.calls.map(([line]) => line as unknown);
    log.mockRestore();
    expect(lines).toContainEqual({
      unit: "connection",
      message: "step.failed",
      connection_id: connection.id,
      organization_id: connection.organizationId,
      step: "subscriptions",
      reason: expect.stringMatching(/^Qonto refuses \(403\)/),
    });
  });
});

describe("a type that cannot be read whole", () => {
  const isUnread = (type: string) =>
    `Reconciliation: ${type} could not be read: Qonto lists 0 of 1; it was read 3 times.`;

  it("is told at once and until one run reads all, pauses nothing, and is read again after 15 minutes", async () => {
    const { relay, connection } = await connectedRelay();
    relay.qonto.faults.paths.set("/v2/clients", { totalCountBy: 1 });
    await lookAfter(relay);
    const finishedAt = relay.now;
    expect(await rowOf(connection)).toMatchObject({
      lastError: isUnread("v1/clients"),
      reconciledUntil: null,
      pausedUntil: 0,
      stepFailures: 0,
      reconciliationDueAt: finishedAt + 15 * 60_000,
    });
    relay.qonto.faults.paths.set(SUBSCRIPTIONS, { status: 403 });
    await env.DB.prepare("UPDATE connections SET subscriptions_due_at = ?1").bind(relay.now).run();
    await lookAfter(relay);
    expect((await rowOf(connection)).lastError).toMatch(/^Subscriptions: Qonto refuses \(403\)/);
    relay.qonto.faults.paths.delete(SUBSCRIPTIONS);
    await env.DB.prepare("UPDATE connections SET subscriptions_due_at = ?1").bind(relay.now).run();
    await lookAfter(relay);
    expect((await rowOf(connection)).lastError).toBe(isUnread("v1/clients"));
    relay.qonto.faults.paths.clear();
    relay.passTo(finishedAt + 15 * 60_000);
    await lookAfter(relay);
    expect(await rowOf(connection)).toMatchObject({ lastError: null, reconciledUntil: relay.now - 60_000 });
  });

  it("is told by the first of several and by how many more there are", async () => {
    const { relay, connection } = await connectedRelay();
    for (const path of ["/v2/clients", "/v2/products"]) relay.qonto.faults.paths.set(path, { totalCountBy: 1 });
    await lookAfter(relay);
    expect((await rowOf(connection)).lastError).toMatch(
      /^Reconciliation: v1\/\w+ .* 3 times\. So it is with 1 more type\.$/,
    );
    relay.qonto.faults.paths.set("/v2/sepa/beneficiaries", { totalCountBy: 1 });
    await liveThroughMinutes(relay, 15);
    expect((await rowOf(connection)).lastError).toMatch(/ So it is with 2 more types\.$/);
  });
});

it("a run that hangs in Qonto gives its connection back within its time", async () => {
  const { relay, connection } = await connectedRelay();
  relay.qonto.faults.paths.set("*", { answer: "hangs" });
  const startedAt = relay.now;
  await lookAfter(relay);
  expect(relay.now - startedAt).toBeLessThan(60_000);
  expect(await rowOf(connection)).toMatchObject({ leaseUntil: relay.now, lastError: expect.stringContaining("Qonto") });
});

it("a run that died with its lease does not keep the tokens from being refreshed", async () => {
  const { relay, connection } = await connectedRelay();
  await env.DB.prepare("UPDATE connections SET lease_until = ?1")
    .bind(relay.now + 86_400_000)
    .run();
  await liveThroughMinutes(relay, 45);
  expect(tokenRequests(relay)).toBe(1);
  expect(await works(relay, connection)).toBe(true);
  expect(callsOf(relay, SUBSCRIPTIONS)).toBe(0);
});

it("a token is not shown to the host of another environment", async () => {
  const { relay, connection } = await connectedRelay();
  relay.env = { ...relay.env, QONTO_ENVIRONMENT: "sandbox", QONTO_STAGING_TOKEN: "staging" };
  await expect(fetchOrganization(openQonto(connection, contextOf(relay)))).rejects.toMatchObject({ status: 401 });
  await lookAfter(relay);
  expect(relay.qonto.calls).toEqual([]);
});

it("a connection with nothing to do costs the cron two calls to D1, and none to Qonto", async () => {
  const { relay } = await connectedRelay();
  await liveThroughMinutes(relay, 3);
  let calls = 0;
  intercept(relay, (_call, proceed) => {
    calls += 1;
    return proceed();
  });
  relay.qonto.calls.length = 0;
  await lookAfter(relay);
  expect([calls, relay.qonto.calls]).toEqual([2, []]);
});
