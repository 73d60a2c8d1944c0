import { env } from "cloudflare:workers";
import { assert, constantFrom, property, string } from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { headerFaults } from "../../../src/domain/own-headers.ts";
import { makePayload } from "../../support/qonto.ts";
import { statuses } from "../support/destinations.ts";
import { ENCRYPTION_KEY, TestRelay, emptyDatabase } from "../support/relay.ts";

beforeEach(emptyDatabase);

const url = "https://destination.example.com/hook";
const VALUE = "Bearer very-secret-value";

async function startRelay(headers: object = { Authorization: VALUE, "x-ledger": "books" }) {
  const relay = new TestRelay();
  const { id } = await relay.addDestination(url, { headers });
  return { relay, id, received: () => relay.destinations.at(url) };
}

/** Everything that D1 keeps. */
async function everythingStored(): Promise<string> {
  const tables = await env.DB.prepare(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB '_cf*' AND name NOT GLOB 'sqlite*'",
  ).all<{ name: string }>();
  const rows = await Promise.all(tables.results.map(({ name }) => env.DB.prepare(`SELECT * FROM ${name}`).all()));
  return JSON.stringify(rows.map(({ results }) => results));
}

describe("a destination's own headers", () => {
  it("go with every attempt, replay and test, and are kept encrypted and shown as names only", async () => {
    const { relay, id, received } = await startRelay();
    relay.destinations.answer(url, statuses(503, 200));
    const payload = makePayload("v1/transactions");
    await relay.send(payload);
    await relay.runQueues();
    await relay.liveThrough(10);
    await relay.api("POST", `/api/events/${payload.id}/replay`, { destination_id: id });
    await relay.runQueues();
    await relay.api("POST", `/api/destinations/${id}/test`);
    expect(received()).toHaveLength(4);
    for (const { headers } of received()) {
      expect([headers.get("authorization"), headers.get("x-ledger")]).toEqual([VALUE, "books"]);
      expect(headers.get("webhook-signature")).toMatch(/^v1,/);
    }
    const shown = JSON.stringify([
      await relay.api("GET", "/api/destinations"),
      await relay.api("GET", "/api/audit"),
      await relay.api("GET", `/api/events/${payload.id}`),
    ]);
    expect(shown).toContain('"header_names":["authorization","x-ledger"]');
    expect(shown + (await everythingStored())).not.toContain("very-secret-value");
  });

  it("are replaced as a whole, stay when something else changes, and are removed by null", async () => {
    const { relay, id, received } = await startRelay();
    const change = async (body: object) => {
      relay.passSeconds(1);
      return (await relay.api("PATCH", `/api/destinations/${id}`, body)).body.header_names;
    };
    expect(await change({ description: "Books" })).toEqual(["authorization", "x-ledger"]);
    expect(await change({ headers: { "X-Key": "1" } })).toEqual(["x-key"]);
    await relay.api("POST", `/api/destinations/${id}/test`);
    expect(received()[0]?.headers.has("authorization")).toBe(false);
    expect(received()[0]?.headers.get("x-key")).toBe("1");
    expect(await change({ headers: null })).toEqual([]);
    const { body } = await relay.api("GET", "/api/audit");
    expect(body.data[0]).toMatchObject({ before: { header_names: ["x-key"] }, after: { header_names: [] } });
  });

  it("are answered the same, and kept once, when their creation is repeated under its key", async () => {
    const relay = new TestRelay();
    const init = { url, headers: { authorization: VALUE } };
    const ask = () =>
      relay.fetch("/api/destinations", {
        method: "POST",
        headers: {
          authorization: `Bearer ${relay.env.ADMIN_TOKEN}`,
          "idempotency-key": "k",
          "content-type": "application/json",
        },
        body: JSON.stringify(init),
      });
    const [first, second] = [await (await ask()).text(), await (await ask()).text()];
    expect(second).toBe(first);
    expect(await everythingStored()).not.toContain("very-secret-value");
  });

  it.each([
    ["of the relay", { "Webhook-Id": "x" }, "headers.Webhook-Id"],
    ["of the relay to come", { "x-relay-anything": "x" }, "headers.x-relay-anything"],
    ["of the body", { "content-type": "text/plain" }, "headers.content-type"],
    ["of the connection", { "Content-Length": "0" }, "headers.Content-Length"],
    ["of the network", { "cf-connecting-ip": "127.0.0.1" }, "headers.cf-connecting-ip"],
    ["with a blank in its name", { "a b": "x" }, "headers.a b"],
    ["without a name", { "": "x" }, "headers."],
    ["that splits a line", { "x-a": "1\r\nx-relay-attempt: 9" }, "headers.x-a"],
    ["with a NUL", { "x-a": "1\u0000" }, "headers.x-a"],
    ["that is not ASCII", { "x-a": "é" }, "headers.x-a"],
    ["with blanks around its value", { "x-a": " 1" }, "headers.x-a"],
    ["too long", { "x-a": "1".repeat(4_097) }, "headers.x-a"],
    ["that is no text", { "x-a": 1 }, "headers.x-a"],
    ["in two cases", { "x-a": "1", "X-A": "2" }, "headers.x-a"],
    ["too many", Object.fromEntries(Array.from({ length: 21 }, (_, at) => [`x-${at}`, "1"])), "headers"],
    ["too large together", { "x-a": "1".repeat(4_095), "x-b": "1".repeat(4_095) }, "headers"],
  ])("are refused: one %s", async (_what, headers, path) => {
    const relay = new TestRelay();
    const { status, body } = await relay.api("POST", "/api/destinations", { url, headers });
    expect([status, body.code, body.errors[0].path]).toEqual([400, "invalid_request", path]);
  });

  it("are taken out of the answer that repeats them, whole, in part or cut off", async () => {
    const { relay, id } = await startRelay();
    for (const [body, shown] of [
      [`refused ${VALUE} of books`, "refused *** of books"],
      ["no very-secret-value here", "no *** here"],
      [`${"x".repeat(500)}very-secret-value`, `${"x".repeat(500)}***`],
    ]) {
      relay.destinations.answer(url, () => new Response(body, { status: 401 }));
      const { body: result } = await relay.api("POST", `/api/destinations/${id}/test`);
      expect(result.response_excerpt).toBe(shown);
    }
  });

  it("may be those of a service token of Cloudflare Access", async () => {
    const { received, relay, id } = await startRelay({ "CF-Access-Client-Id": "1", "CF-Access-Client-Secret": "2" });
    await relay.api("POST", `/api/destinations/${id}/test`);
    expect(received()[0]?.headers.get("cf-access-client-secret")).toBe("2");
  });

  it("cannot be any that the relay sends itself", async () => {
    const { received, relay, id } = await startRelay({});
    const payload = makePayload("v1/transactions");
    await relay.send(payload);
    await relay.runQueues();
    await relay.api("POST", `/api/destinations/${id}/test`);
    const names = received().flatMap(({ headers }) => [...headers.keys()]);
    expect(names.length).toBeGreaterThan(14);
    for (const name of names) expect([name, headerFaults({ [name]: "1" }).length]).toEqual([name, 1]);
  });

  it("cannot change another header of the request, whatever is accepted", () => {
    const text = (characters: string) => string({ unit: constantFrom(...characters.split("")), maxLength: 8 });
    let accepted = 0;
    assert(
      property(text("aZ-_.09!: \n"), text("aZ09:;, \t\r\n\0é"), (name, value) => {
        if (headerFaults({ [name]: value }).length > 0) return;
        accepted += 1;
        const headers = new Headers({ [name]: value, "webhook-id": "e1" });
        expect([...headers]).toHaveLength(2);
        expect(headers.get(name)).toBe(value);
        expect(headers.get("webhook-id")).toBe("e1");
      }),
      { numRuns: 2_000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  it("are encrypted again with the first key by the cron, and nothing is sent while no key decrypts them", async () => {
    const { relay, id, received } = await startRelay();
    relay.env = { ...relay.env, ENCRYPTION_KEYS: `${"n".repeat(40)},${ENCRYPTION_KEY}` };
    await relay.runCron();
    relay.env = { ...relay.env, ENCRYPTION_KEYS: "n".repeat(40) };
    await relay.api("POST", `/api/destinations/${id}/test`);
    expect(received()[0]?.headers.get("authorization")).toBe(VALUE);
    // Only the headers are lost.
    const { secret } = (await env.DB.prepare("SELECT secret FROM destinations").first<{ secret: string }>()) ?? {};
    await env.DB.prepare("UPDATE destinations SET headers = ?1").bind(secret).run();
    const { body } = await relay.api("POST", `/api/destinations/${id}/test`);
    expect(body).toMatchObject({ outcome: "refused", status: null });
    expect(body.response_excerpt).toContain("ENCRYPTION_KEYS");
    expect(received()).toHaveLength(1);
    await relay.runCron();
    const health = await (await relay.fetch("/health")).json<{ checks: { secrets: { status: string } } }>();
    expect(health.checks.secrets.status).toBe("degraded");
  });
});
