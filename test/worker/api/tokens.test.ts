import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { Meter, interceptDatabase } from "../support/database.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";

beforeEach(emptyDatabase);

const make = async (relay: TestRelay, name: string, access: "read" | "full") =>
  (await relay.api("POST", "/api/tokens", { name, access })).body;

const as = (relay: TestRelay, token: string) => async (method: string, path: string, body?: object) => {
  const response = await relay.fetch(path, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const isJson = response.headers.get("content-type")?.includes("json") ?? false;
  return { status: response.status, body: isJson ? await response.json<any>() : await response.text() };
};

async function operations(relay: TestRelay) {
  const document: any = await (await relay.fetch("/openapi.json")).json();
  return Object.entries<object>(document.paths).flatMap(([path, ofPath]) =>
    Object.keys(ofPath).map((method) => ({ method: method.toUpperCase(), path: path.replaceAll(/\{\w+\}/g, "none") })),
  );
}

describe("a named token", () => {
  it("is shown once, listed without its text, and stored as a digest", async () => {
    const relay = new TestRelay();
    const { token, ...made } = await make(relay, "grafana", "read");
    expect(token).toMatch(/^qrt_[\w-]{80}$/);
    expect(made).toEqual({
      id: expect.stringMatching(/^tok_/),
      name: "grafana",
      access: "read",
      destination_id: null,
      created_at: new Date(relay.now).toISOString(),
      last_used_at: null,
    });
    expect((await relay.api("GET", "/api/tokens")).body).toEqual({ data: [made], next_cursor: null });
    const rows = JSON.stringify((await env.DB.prepare("SELECT * FROM tokens").all()).results);
    expect(rows).not.toContain(token.slice(4));
  });

  it("with full access can do everything", async () => {
    const relay = new TestRelay();
    const { token } = await make(relay, "ci", "full");
    const call = as(relay, token);
    expect((await call("POST", "/api/destinations", { url: "https://destination.example.com/" })).status).toBe(201);
    expect((await call("POST", "/api/tokens", { name: "other", access: "read" })).status).toBe(201);
  });

  it("with read access can see everything and change nothing", async () => {
    const relay = new TestRelay();
    const { token } = await make(relay, "grafana", "read");
    const all = (await operations(relay)).filter(({ path }) => path !== "/health");
    const looking = all.filter(({ method }) => method === "GET");
    const changing = all.filter(({ method }) => method !== "GET");
    expect(looking.length).toBeGreaterThan(10);
    expect(changing.length).toBeGreaterThan(10);
    for (const { method, path } of looking) {
      expect([200, 404], `${method} ${path}`).toContain((await as(relay, token)(method, path)).status);
    }
    for (const { method, path } of changing) {
      const answer = await as(relay, token)(method, path, { url: "https://destination.example.com/" });
      expect(answer, `${method} ${path}`).toMatchObject({ status: 403, body: { code: "forbidden" } });
    }
    expect((await relay.api("GET", "/api/destinations")).body.data).toEqual([]);
  });

  it("stops working once it is revoked", async () => {
    const relay = new TestRelay();
    const { id, token } = await make(relay, "ci", "full");
    expect((await as(relay, token)("GET", "/api/events")).status).toBe(200);
    expect((await relay.api("DELETE", `/api/tokens/${id}`)).status).toBe(204);
    expect((await as(relay, token)("GET", "/api/events")).status).toBe(401);
    expect((await relay.api("DELETE", `/api/tokens/${id}`)).status).toBe(404);
    expect((await make(relay, "ci", "read")).name).toBe("ci");
  });

  it("shows when it was last used, to the hour", async () => {
    const relay = new TestRelay();
    const { token } = await make(relay, "ci", "read");
    const lastUsed = async () => (await relay.api("GET", "/api/tokens")).body.data[0].last_used_at;
    const first = new Date(relay.now).toISOString();
    await as(relay, token)("GET", "/api/events");
    expect(await lastUsed()).toBe(first);
    relay.passSeconds(3_599);
    await as(relay, token)("GET", "/api/events");
    expect(await lastUsed()).toBe(first);
    relay.passSeconds(1);
    await as(relay, token)("GET", "/api/events");
    expect(await lastUsed()).toBe(new Date(relay.now).toISOString());
  });

  it("is looked up in D1 once, and a made-up one never", async () => {
    const relay = new TestRelay();
    const { token } = await make(relay, "ci", "read");
    await as(relay, token)("GET", "/api/tokens");
    const meter = new Meter();
    relay.env = { ...relay.env, DB: interceptDatabase(env.DB, meter.intercept) };
    const otherThan = (character: string | undefined) => (character === "A" ? "B" : "A");
    for (const wrong of [
      "wrong",
      `qrt_${"A".repeat(43)}`,
      `qrt_${"A".repeat(80)}`,
      token.slice(0, -1) + otherThan(token.at(-1)),
      `qrt_${otherThan(token[4])}${token.slice(5)}`,
      `${token}A`,
      token.slice(0, -1),
      token.replace("qrt_", "QRT_"),
    ]) {
      expect((await as(relay, wrong)("GET", "/api/no-such-thing")).status).toBe(401);
    }
    expect(meter.calls).toBe(0);
    expect((await as(relay, token)("GET", "/api/no-such-thing")).status).toBe(404);
    expect(meter.calls).toBe(1);
  });

  it("works as long as the key that made it is configured", async () => {
    const relay = new TestRelay({ ENCRYPTION_KEYS: "old" });
    const { token } = await make(relay, "ci", "read");
    const statusUnder = async (ENCRYPTION_KEYS: string, ADMIN_TOKEN: string = relay.env.ADMIN_TOKEN ?? "") => {
      relay.env = { ...relay.env, ENCRYPTION_KEYS, ADMIN_TOKEN };
      return (await as(relay, token)("GET", "/api/tokens")).status;
    };
    expect(await statusUnder("new,old")).toBe(200);
    expect(await statusUnder("new,old", "another-admin-token-of-32-characters")).toBe(200);
    expect(await statusUnder("new")).toBe(401);
  });

  it.each([
    [{ name: "admin", access: "read" }, "name"],
    [{ name: "", access: "read" }, "name"],
    [{ name: "a b", access: "read" }, "name"],
    [{ name: "x".repeat(65), access: "read" }, "name"],
    [{ name: "x", access: "write" }, "access"],
    [{ name: "x" }, "access"],
    [{ name: "taken", access: "read" }, "name"],
  ])("is not created from %o", async (body, path) => {
    const relay = new TestRelay();
    await make(relay, "taken", "read");
    const answer = await relay.api("POST", "/api/tokens", body);
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request", errors: [{ path }] } });
    expect((await relay.api("GET", "/api/tokens")).body.data).toHaveLength(1);
  });
});
