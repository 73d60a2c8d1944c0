import { afterEach, describe, expect, it } from "vitest";
import { idOf, listedTypes } from "../../support/qonto-server/bank.ts";
import { type QontoOptions, QontoServer } from "../../support/qonto-server/node/qonto-server.ts";

let qonto: QontoServer;
afterEach(() => qonto.stop());

const start = async (options: QontoOptions = {}) => (qonto = await QontoServer.start(options));

async function call(method: string, path: string, body?: object, headers: Record<string, string> = {}) {
  const response = await fetch(qonto.url + path, {
    method,
    headers: { authorization: `Bearer ${qonto.accessToken}`, "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const json: any = text === "" ? null : JSON.parse(text);
  return { status: response.status, headers: response.headers, body: json };
}

const subscriptions = "/v2/webhook_subscriptions";
const input = { callback_url: "https://relay.example.com/webhooks/qonto", types: ["v1/cards"] };

describe("the subscriptions of Qonto", () => {
  it("are bare objects; the secret is shown once, and made when none is given", async () => {
    await start();
    const secret = "s".repeat(32);
    const given = await call("POST", subscriptions, { ...input, secret });
    expect(given).toMatchObject({ status: 201, body: { ...input, secret, description: null } });
    expect((await call("POST", subscriptions, input)).body.secret).toMatch(/^whsec_.{44}$/);
    const shown = await call("GET", `${subscriptions}/${given.body.id}`);
    expect(shown.status).toBe(200);
    expect(shown.body).not.toHaveProperty("secret");
  });

  it("are replaced whole: without a callback_url, an error", async () => {
    await start();
    const { body: made } = await call("POST", subscriptions, { ...input, description: "mine" });
    const path = `${subscriptions}/${made.id}`;
    expect((await call("PUT", path, { types: ["v1/cards"] })).status).toBe(400);
    expect((await call("PUT", path, { ...input, types: ["v1/transfers"] })).body).toMatchObject({
      types: ["v1/transfers"],
      description: null,
    });
  });

  it("can be removed, and are those of one user", async () => {
    await start({ accessTokens: ["one", "other"] });
    const { body: made } = await call("POST", subscriptions, input);
    const other = { authorization: "Bearer other" };
    expect((await call("GET", subscriptions, undefined, other)).body.subscriptions).toEqual([]);
    expect((await call("DELETE", `${subscriptions}/${made.id}`, undefined, other)).status).toBe(404);
    expect((await call("DELETE", `${subscriptions}/${made.id}`)).status).toBe(204);
    expect((await call("GET", `${subscriptions}/${made.id}`)).status).toBe(404);
  });

  it("are listed in pages", async () => {
    await start();
    for (let count = 0; count < 3; count += 1) await call("POST", subscriptions, input);
    const page = await call("GET", `${subscriptions}?page=2&per_page=2`);
    expect(page.body.subscriptions).toHaveLength(1);
    expect(page.body.meta).toEqual({
      current_page: 2,
      next_page: null,
      prev_page: 1,
      total_pages: 2,
      total_count: 3,
      per_page: 2,
    });
    expect((await call("GET", `${subscriptions}?page=3&per_page=2`)).status).toBe(422);
    expect((await call("GET", `${subscriptions}?per_page=101`)).status).toBe(400);
  });

  it.each([
    ["http", { ...input, callback_url: "http://relay.example.com/" }, "/callback_url"],
    ["a long URL", { ...input, callback_url: `https://relay.example.com/${"x".repeat(500)}` }, "/callback_url"],
    ["no type", { ...input, types: [] }, "/types"],
    ["a short secret", { ...input, secret: "x".repeat(31) }, "/secret"],
    ["a long secret", { ...input, secret: "x".repeat(129) }, "/secret"],
    ["a long description", { ...input, description: "x".repeat(257) }, "/description"],
  ])("refuse %s with a flat error", async (_title, body, pointer) => {
    await start();
    const { status, body: error } = await call("POST", subscriptions, body);
    expect(status).toBe(400);
    expect(error).toEqual({ code: "invalid_request", detail: expect.any(String), source: { pointer } });
  });
});

describe("one resource", () => {
  it.each([
    ["/v2/clients", "v1/clients", "client"],
    ["/v2/products", "v1/products", "product"],
    ["/v2/sepa/beneficiaries", "v1/beneficiaries", "beneficiary"],
    ["/v2/beneficiaries", "v1/beneficiaries", "beneficiary"],
  ] as const)("is shown at %s by its id, and is not found once it is gone", async (path, type, key) => {
    await start();
    const made = qonto.bank.make(type);
    const id = String(made["id"]);
    expect(await call("GET", `${path}/${id}`)).toMatchObject({ status: 200, body: { [key]: { id } } });
    qonto.bank.remove(type, id);
    const error = { code: "not_found", detail: expect.any(String) };
    expect(await call("GET", `${path}/${id}`)).toMatchObject({ status: 404, body: error });
  });

  it("that is hidden is not listed, and is shown by its id: no beneficiary among those of SEPA", async () => {
    await start();
    for (const type of ["v1/clients", "v1/beneficiaries"] as const) {
      qonto.bank.hide(type, idOf(type, qonto.bank.make(type, { id: "hidden" })));
    }
    expect((await call("GET", "/v2/clients")).body.clients).toEqual([]);
    const statuses = ["/v2/clients", "/v2/sepa/beneficiaries", "/v2/beneficiaries"].map(
      async (path) => (await call("GET", `${path}/hidden`)).status,
    );
    expect(await Promise.all(statuses)).toEqual([200, 404, 200]);
  });

  it("takes the scope of its list", async () => {
    await start();
    const { accessToken } = qonto.grant({ scopes: ["organization.read"] });
    const headers = { authorization: `Bearer ${accessToken}` };
    const { id } = qonto.bank.make("v1/clients");
    expect((await call("GET", `/v2/clients/${String(id)}`, undefined, headers)).status).toBe(403);
  });
});

describe("who may call", () => {
  it("is told by the access token, in the sandbox by the staging token as well", async () => {
    await start({ stagingToken: "staging" });
    expect((await call("GET", subscriptions)).status).toBe(401);
    const staging = { "x-qonto-staging-token": "staging" };
    expect((await call("GET", subscriptions, undefined, staging)).status).toBe(200);
    expect((await call("GET", subscriptions, undefined, { ...staging, authorization: "Bearer no" })).status).toBe(401);
  });

  it("may not call too often", async () => {
    await start({ limits: [{ requests: 2, milliseconds: 60_000 }] });
    expect((await call("GET", subscriptions)).status).toBe(200);
    expect((await call("GET", subscriptions)).status).toBe(200);
    const refused = await call("GET", subscriptions);
    expect(refused).toMatchObject({ status: 429, body: { code: "too_many_requests" } });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(50);
  });
});

describe("the Onboarding API's webhook", () => {
  it.each(["/data_api/webhooks", "/register/webhooks"])("is registered at %s", async (path) => {
    await start();
    const body = { callback_url: "https://relay.example.com/webhooks/qonto", secret: "secret", enabled: true };
    expect(await call("POST", path, body, { "qonto-partner-id": "p" })).toMatchObject({
      status: 201,
      body: { ...body, id: expect.any(String), created_at: expect.any(String), updated_at: expect.any(String) },
    });
    expect((await call("POST", path, body)).body).toEqual({
      errors: [expect.objectContaining({ code: "unauthorized" })],
    });
  });
});

describe("what Qonto lists", () => {
  it.each([
    ["/v2/client_invoices", "client_invoices", "v1/client-invoices"],
    ["/v2/sepa/transfers", "transfers", "v1/transfers"],
    ["/v2/sepa/beneficiaries", "beneficiaries", "v1/beneficiaries"],
    ["/v2/memberships", "memberships", "v1/memberships"],
    ["/v2/cards", "cards", "v1/cards"],
    ["/v2/clients", "clients", "v1/clients"],
    ["/v2/products", "products", "v1/products"],
    ["/v2/payment_links", "payment_links", "v1/payment-links"],
  ] as const)("is at %s under the key %s", async (path, key, type) => {
    await start();
    const item = qonto.bank.make(type);
    expect((await call("GET", path)).body[key]).toEqual([JSON.parse(JSON.stringify(item))]);
  });

  it("has the organization with its accounts in one", async () => {
    await start();
    const { body } = await call("GET", "/v2/organization");
    expect(body.organization).toMatchObject({ id: qonto.bank.organizationId, bank_accounts: [{ main: true }] });
  });

  it("asks whose transactions are meant, and leaves out what is not completed unless asked", async () => {
    await start();
    expect((await call("GET", "/v2/transactions")).status).toBe(400);
    for (const status of ["pending", "declined", "completed"]) qonto.bank.make("v1/transactions", { status });
    const of = `/v2/transactions?bank_account_id=${String(qonto.bank.all("v1/accounts")[0]?.["id"])}`;
    const statuses = async (path: string) =>
      (await call("GET", path)).body.transactions.map(({ status }: { status: string }) => status);
    expect(await statuses(of)).toEqual(["completed"]);
    const all = `${of}&status[]=pending&status[]=declined&status[]=completed`;
    expect((await statuses(all)).toSorted()).toEqual(["completed", "declined", "pending"]);
  });

  it("can be that which has changed since, the oldest change first", async () => {
    await start();
    for (const day of [3, 1, 2]) qonto.bank.make("v1/transactions", { updated_at: `2026-01-0${day}T00:00:00Z` });
    const account = String(qonto.bank.all("v1/accounts")[0]?.["id"]);
    const query = `bank_account_id=${account}&updated_at_from=2026-01-02T00:00:00Z&sort_by=updated_at:asc`;
    const { body } = await call("GET", `/v2/transactions?${query}`);
    expect(body.transactions.map(({ updated_at }: { updated_at: string }) => updated_at)).toEqual([
      "2026-01-02T00:00:00Z",
      "2026-01-03T00:00:00Z",
    ]);
  });

  it.each([
    ["/v2/sepa/transfers", "transfers", "v1/transfers", "updated_at_from", "updated_at_to"],
    [
      "/v2/client_invoices",
      "client_invoices",
      "v1/client-invoices",
      "filter[updated_at_from]",
      "filter[updated_at_to]",
    ],
  ] as const)("can be that which has changed in a time: %s", async (path, key, type, from, to) => {
    await start();
    const made = [1, 2, 3].map((day) => qonto.bank.make(type, { updated_at: `2026-01-0${day}T00:00:00Z` }));
    const query = new URLSearchParams({ [from]: "2026-01-02T00:00:00Z", [to]: "2026-01-02T23:00:00Z" });
    const { body } = await call("GET", `${path}?${query.toString()}`);
    expect(body[key].map(({ id }: { id: string }) => id)).toEqual([made[1]?.["id"]]);
  });

  it("goes by when a thing was changed though it does not show that", async () => {
    await start();
    const { updated_at: shown } = qonto.bank.make("v1/client-invoices");
    expect(shown).toBeUndefined();
    const from = new Date(Date.now() + 60_000).toISOString();
    const { body } = await call("GET", `/v2/client_invoices?filter[updated_at_from]=${from}`);
    expect(body.client_invoices).toEqual([]);
  });

  it("ends where the test says", async () => {
    await start({ mostResults: 2 });
    for (let count = 0; count < 3; count += 1) qonto.bank.make("v1/clients");
    expect((await call("GET", "/v2/clients?page=2&per_page=1")).status).toBe(200);
    expect((await call("GET", "/v2/clients?page=3&per_page=1")).status).toBe(422);
  });

  it("ends at 10,000 results", async () => {
    await start();
    for (let count = 0; count < 10_001; count += 1) qonto.bank.make("v1/clients");
    expect((await call("GET", "/v2/clients?page=100&per_page=100")).status).toBe(200);
    expect((await call("GET", "/v2/clients?page=101&per_page=100")).status).toBe(422);
  });

  it("is of each type that the bank knows", () => {
    for (const type of listedTypes) expect(qonto.bank.make(type)).toBeDefined();
  });
});

describe("a fault", () => {
  it("can be a scope that the token lacks", async () => {
    await start();
    qonto.faults.forbidden = "/v2/cards";
    expect((await call("GET", "/v2/cards")).status).toBe(403);
    expect((await call("GET", "/v2/clients")).status).toBe(200);
  });

  it("is what the test says: a status, a clock that is ahead", async () => {
    await start();
    qonto.faults.status = 503;
    qonto.faults.clockSkewSeconds = 600;
    const refused = await call("GET", subscriptions);
    expect(refused.status).toBe(503);
    expect(Date.parse(refused.headers.get("date") ?? "") - Date.now()).toBeGreaterThan(500_000);
  });
});
