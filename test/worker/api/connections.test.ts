import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { ADMIN_TOKEN } from "../../support/admin-token.ts";
import { connectDirectly, qontoApplication } from "../support/connected-relay.ts";
import { ORGANIZATION, findRow, insertConnection } from "../support/connections.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";

beforeEach(emptyDatabase);

const HOUR_MS = 3_600_000;

describe("connections", () => {
  it("are none at first", async () => {
    expect(await new TestRelay().api("GET", "/api/connections")).toEqual({ status: 200, body: { data: [] } });
  });

  it("are listed with their state, and without tokens, also while no application is configured", async () => {
    const relay = new TestRelay();
    const now = new Date(relay.now).toISOString();
    const refused = { types: ["v1/cards"], wanted: ["v1/transactions", "v1/cards"], triedAgainAt: relay.now };
    await insertConnection(relay.now, {
      subscriptions: [{ id: "sub_1", types: ["v1/transactions"], status: "active", keyId: "key_1", refused }],
    });
    await insertConnection(relay.now, {
      id: "con_2",
      organization_id: "org-2",
      organization_name: null,
      status: "expired",
      ended_at: relay.now + HOUR_MS,
      subscriptions: [
        { id: null, types: ["v1/cards"], status: "missing", keyId: null, missingSince: relay.now },
        { id: "sub_2", types: ["v1/transfers"], status: "foreign", keyId: null },
      ],
      reconciled_until: null,
      last_error: "Qonto refused the refresh token.",
    });
    const response = await relay.fetch("/api/connections", { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
    const text = await response.text();
    const first = {
      id: "con_1",
      organization_id: ORGANIZATION,
      organization_name: "Elektro Tesla GmbH",
      environment: "production",
      status: "connected",
      status_since: now,
      connected_at: now,
      scopes: ["offline_access", "organization.read", "webhook"],
      subscriptions: [{ id: "sub_1", types: ["v1/transactions"], status: "active" }],
      refused_types: ["v1/cards"],
      reconciled_until: now,
      reconciling: null,
      last_reconciliation: null,
      last_error: null,
    };
    expect(JSON.parse(text)).toEqual({
      data: [
        first,
        {
          ...first,
          id: "con_2",
          organization_id: "org-2",
          organization_name: null,
          status: "expired",
          status_since: new Date(relay.now + HOUR_MS).toISOString(),
          subscriptions: [
            { id: null, types: ["v1/cards"], status: "missing" },
            { id: "sub_2", types: ["v1/transfers"], status: "foreign" },
          ],
          refused_types: [],
          reconciled_until: null,
          last_error: "Qonto refused the refresh token.",
        },
      ],
    });
    expect(text).not.toMatch(/encrypted|token"/);
  });

  it("show the reconciliation in progress, and what the last one found", async () => {
    const relay = new TestRelay();
    const compared = { type: "v1/cards", listed: 3, missing: 1, drifted: 0, fault: null };
    const uncovered = { ...compared, type: "v1/products", listed: 0, missing: 0, fault: "403: missing scope" };
    const run = {
      kind: "changes",
      since: relay.now - HOUR_MS,
      as_of: relay.now,
      types: [{ ...compared, extra: 2, is_covered: true, complete_until: null }],
    };
    const inProgress = {
      ...run,
      answers: { due_at: relay.now, since: null },
      is_routine: true,
      account_ids: ["account-1"],
      types_left: ["v1/cards"],
      reading: null,
      search: null,
      recovered: { missing: 0, drifted: 0 },
    };
    const last = {
      ...run,
      kind: "fill",
      // As an earlier version of the relay wrote it: without what is extra.
      types: [{ ...uncovered, is_covered: false, complete_until: relay.now }],
      finished_at: relay.now + 1_000,
      account_ids: [],
      next_due_at: relay.now + HOUR_MS,
    };
    await insertConnection(relay.now, {
      reconciliation: JSON.stringify(inProgress),
      last_reconciliation: JSON.stringify(last),
    });
    const times = { since: new Date(relay.now - HOUR_MS).toISOString(), as_of: new Date(relay.now).toISOString() };
    expect((await relay.api("GET", "/api/connections")).body.data[0]).toMatchObject({
      reconciling: {
        kind: "changes",
        ...times,
        types: [{ ...compared, extra: 2, covered: true }],
        types_left: ["v1/cards"],
      },
      last_reconciliation: {
        kind: "fill",
        ...times,
        finished_at: new Date(relay.now + 1_000).toISOString(),
        types: [{ ...uncovered, extra: 0, covered: false }],
      },
    });
  });

  it("are listed though another version of the relay wrote their reconciliation in another form", async () => {
    const relay = new TestRelay();
    await insertConnection(relay.now, { reconciliation: '{"page":1}', last_reconciliation: "{}" });
    const unread = { reconciling: null, last_reconciliation: null };
    expect((await relay.api("GET", "/api/connections")).body.data).toMatchObject([unread]);
  });
});

describe("a reconciliation that is asked for", () => {
  const path = "/api/connections/con_1/reconcile";

  it("is due at once, from the given time on, as are the subscriptions", async () => {
    const relay = new TestRelay(qontoApplication);
    await insertConnection(relay.now);
    relay.passSeconds(60);
    const since = "2026-02-20T00:00:00.000Z";
    expect(await relay.api("POST", path, { since: "2026-02-20T01:00:00+01:00" })).toEqual({
      status: 202,
      body: { id: "con_1", status: "scheduled", since },
    });
    expect(await findRow()).toMatchObject({
      reconciliation_due_at: relay.now,
      subscriptions_due_at: relay.now,
      reconciliation_since: Date.parse(since),
    });
  });

  it("needs no body", async () => {
    const relay = new TestRelay(qontoApplication);
    await insertConnection(relay.now);
    const answer = await relay.api("POST", path);
    expect(answer).toEqual({ status: 202, body: { id: "con_1", status: "scheduled", since: null } });
    expect(await findRow()).toMatchObject({ reconciliation_due_at: relay.now, reconciliation_since: null });
  });

  it("is done once when it is repeated under its key", async () => {
    const relay = new TestRelay(qontoApplication);
    await insertConnection(relay.now);
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, "idempotency-key": "once" };
    const first = await relay.fetch(path, { method: "POST", headers });
    const asked = await findRow();
    relay.passSeconds(60);
    const second = await relay.fetch(path, { method: "POST", headers });
    expect([second.status, await second.text()]).toEqual([202, await first.text()]);
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    expect(await findRow()).toEqual(asked);
    expect((await relay.api("GET", "/api/audit")).body.data).toHaveLength(1);
  });

  it.each([
    ["expired", "This connection has expired."],
    ["revoked", "This connection was revoked."],
  ])("is refused with 409 when the connection is %s", async (status, detail) => {
    const relay = new TestRelay(qontoApplication);
    await insertConnection(relay.now, { status, ended_at: relay.now });
    const before = await findRow();
    expect(await relay.api("POST", path)).toMatchObject({
      status: 409,
      body: { code: "not_connected", detail: expect.stringContaining(detail) },
    });
    expect(await findRow()).toEqual(before);
    expect((await relay.api("GET", "/api/audit")).body.data).toEqual([]);
  });

  it("is refused with 503 while no application is configured: nobody would do it", async () => {
    const relay = new TestRelay();
    await insertConnection(relay.now);
    const body = { code: "not_configured", detail: expect.stringContaining("QONTO_CLIENT_ID") };
    expect(await relay.api("POST", path)).toMatchObject({ status: 503, body });
  });

  it("is refused with 400 or 404 when it is no time or in the future, or there is no such connection", async () => {
    const relay = new TestRelay(qontoApplication);
    await insertConnection(relay.now);
    const invalid = await relay.api("POST", path, { since: "yesterday" });
    expect(invalid).toMatchObject({ status: 400, body: { code: "invalid_request", errors: [{ path: "since" }] } });
    expect(await relay.api("POST", path, { until: "2026-02-20" })).toMatchObject({ status: 400 });
    const future = await relay.api("POST", path, { since: new Date(relay.now + 1_000).toISOString() });
    expect(future).toMatchObject({ status: 400, body: { detail: "since: must not lie in the future" } });
    expect((await relay.api("GET", "/api/audit")).body.data).toEqual([]);
    expect(await relay.api("POST", "/api/connections/con_9/reconcile")).toMatchObject({
      status: 404,
      body: { code: "not_found", detail: "There is no such connection." },
    });
  });
});

describe("a connection that is removed", () => {
  /** Connected, with a subscription of the relay's at Qonto, and one of somebody else at the same address. */
  async function connected() {
    const relay = new TestRelay(qontoApplication);
    const { id } = await connectDirectly(relay);
    const clientId = qontoApplication.QONTO_CLIENT_ID;
    const callback_url = "https://relay.test/webhooks/qonto";
    const foreign = relay.qonto.subscribe({ callback_url, clientId });
    const own = relay.qonto.subscribe({ callback_url, clientId });
    const noted = [{ id: own.id, types: own.types, status: "active", keyId: "key_1" }];
    await env.DB.prepare("UPDATE connections SET subscriptions = ?1").bind(JSON.stringify(noted)).run();
    return { relay, id, path: `/api/connections/${id}`, foreign };
  }

  it("loses its subscriptions at Qonto, and no other", async () => {
    const { relay, id, path, foreign } = await connected();
    expect(await relay.api("DELETE", path)).toEqual({ status: 204, body: null });
    expect([...relay.qonto.subscriptions.keys()]).toEqual([foreign.id]);
    expect(await findRow(id)).toBeNull();
  });

  it("stays while Qonto cannot be asked, and is removed when that is over", async () => {
    const { relay, id, path } = await connected();
    relay.qonto.faults.status = 503;
    const refused = await relay.api("DELETE", path);
    expect(refused).toMatchObject({ status: 503, body: { code: "qonto_unavailable" } });
    expect([relay.qonto.subscriptions.size, await findRow(id)]).toEqual([2, expect.objectContaining({ id })]);
    expect((await relay.api("GET", "/api/audit")).body.data).toEqual([]);
    delete relay.qonto.faults.status;
    expect((await relay.api("DELETE", path)).status).toBe(204);
    expect([relay.qonto.subscriptions.size, await findRow(id)]).toEqual([1, null]);
  });

  it("stays while a run of the cron has it, which is said with the time to wait", async () => {
    const { relay, id, path } = await connected();
    await env.DB.prepare("UPDATE connections SET lease_until = ?1")
      .bind(relay.now + 90_000)
      .run();
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const refused = await relay.fetch(path, { method: "DELETE", headers });
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([409, "30"]);
    expect(await refused.json()).toMatchObject({ code: "connection_busy" });
    expect([relay.qonto.subscriptions.size, await findRow(id)]).toEqual([2, expect.objectContaining({ id })]);
    relay.passSeconds(90);
    expect((await relay.api("DELETE", path)).status).toBe(204);
  });

  it("is gone, also while no application is configured", async () => {
    const relay = new TestRelay();
    await insertConnection(relay.now);
    await insertConnection(relay.now, { id: "con_2", organization_id: "org-2" });
    expect(await relay.api("DELETE", "/api/connections/con_1")).toEqual({ status: 204, body: null });
    expect([await findRow("con_1"), await findRow("con_2")]).toEqual([null, expect.objectContaining({ id: "con_2" })]);
    expect(await relay.api("DELETE", "/api/connections/con_1")).toMatchObject({ status: 404 });
  });
});

it("a read-only token sees connections and changes none", async () => {
  const relay = new TestRelay(qontoApplication);
  await insertConnection(relay.now);
  const { token } = (await relay.api("POST", "/api/tokens", { name: "grafana", access: "read" })).body;
  const call = async (method: string, path: string) =>
    (await relay.fetch(path, { method, headers: { authorization: `Bearer ${token}` } })).status;
  const before = await findRow();
  expect(await call("GET", "/api/connections")).toBe(200);
  expect(await call("POST", "/api/connections/con_1/reconcile")).toBe(403);
  expect(await call("DELETE", "/api/connections/con_1")).toBe(403);
  expect(await findRow()).toEqual(before);
});
