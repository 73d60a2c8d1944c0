import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { ADMIN_TOKEN } from "../../support/admin-token.ts";
import { Meter, interceptDatabase } from "../support/database.ts";
import { ENCRYPTION_KEY, TestRelay, emptyDatabase } from "../support/relay.ts";
import { Visitor } from "./visitor.ts";

beforeEach(emptyDatabase);

const HOUR_SECONDS = 3_600;

/** The attributes of the session's cookie as an answer sets it. */
function attributesOf({ headers }: Response): string[] {
  const cookies = headers.getSetCookie().filter((cookie) => cookie.startsWith("relay_console="));
  expect(cookies).toHaveLength(1);
  return (cookies[0] ?? "").split("; ").slice(1).toSorted();
}

describe("the login", () => {
  it("is where everybody is sent who has no session, and leads back", async () => {
    const visitor = new Visitor(new TestRelay());
    const response = await visitor.get("/console/events?type=v1%2Ftransactions");
    expect(response.status).toBe(303);
    const location = response.headers.get("location") ?? "";
    expect(location).toBe("/console/login?next=%2Fconsole%2Fevents%3Ftype%3Dv1%252Ftransactions");
    const page = await (await visitor.get(location)).text();
    expect(page).toContain('name="next" value="/console/events?type=v1%2Ftransactions"');
  });

  it("gives a cookie that scripts and other sites do not get", async () => {
    const visitor = new Visitor(new TestRelay());
    const response = await visitor.post("/console/login", { token: ADMIN_TOKEN, next: "/console/events" });
    expect(response.status).toBe(303);
    expect(response.headers.get("location")).toBe("/console/events");
    expect(attributesOf(response)).toEqual(["HttpOnly", "Max-Age=28800", "Path=/console", "SameSite=Strict", "Secure"]);
    expect(visitor.cookie).not.toContain(ADMIN_TOKEN);
    expect((await visitor.get("/console")).status).toBe(200);
  });

  it.each(["", "wrong", `${ADMIN_TOKEN}2`])("refuses %j", async (token) => {
    const visitor = new Visitor(new TestRelay());
    const response = await visitor.post("/console/login", { token });
    expect(response.status).toBe(401);
    expect(response.headers.get("set-cookie")).toBeNull();
    expect(await response.text()).toContain("That is no token of this relay.");
  });

  it.each([
    "https://evil.example",
    "//evil.example/console",
    "/\\evil.example",
    "javascript:alert(1)",
    "/consoles",
    "/api/events",
    "/console/../api/events",
  ])("leads to no other place than the console: %j", async (next) => {
    const visitor = new Visitor(new TestRelay());
    const response = await visitor.post("/console/login", { token: ADMIN_TOKEN, next });
    expect(response.headers.get("location")).toBe("/console");
  });

  it("refuses a form of another site", async () => {
    const visitor = new Visitor(new TestRelay());
    const fields = { token: ADMIN_TOKEN };
    for (const site of ["cross-site", "same-site", "none"]) {
      expect((await visitor.post("/console/login", fields, { "sec-fetch-site": site })).status).toBe(403);
    }
    expect(visitor.cookie).toBeNull();
  });

  it("counts wrong tokens, and says so to who has tried too many", async () => {
    const relay = new TestRelay({ WRONG_TOKENS: { limit: async () => ({ success: false }) } });
    const response = await new Visitor(relay).post("/console/login", { token: "wrong" });
    expect(response.status).toBe(429);
    expect(response.headers.get("retry-after")).toBe("60");
    expect(await response.text()).toContain("Too many wrong tokens");
  });

  it("says what is missing while no admin token is set", async () => {
    for (const path of ["/console", "/console/login"]) {
      const response = await new Visitor(new TestRelay({ ADMIN_TOKEN: "" })).get(path);
      expect(response.status).toBe(503);
      expect(await response.text()).toContain("ADMIN_TOKEN is not set.");
    }
  });

  it("says that the admin token is too short, and does not let it in", async () => {
    const relay = new TestRelay({ ADMIN_TOKEN: "short" });
    const visitor = new Visitor(relay);
    const response = await visitor.post("/console/login", { token: "short" });
    expect(response.status).toBe(503);
    expect(await response.text()).toContain("ADMIN_TOKEN is too short: it must have at least 32 characters.");
  });

  it("offers to go on to who comes by a link of another site, for a strict cookie stays behind there", async () => {
    const response = await new Visitor(new TestRelay()).get("/console/login?next=/console/events", {
      "sec-fetch-site": "cross-site",
    });
    expect(await response.text()).toContain('<a href="/console/events">go on to the page</a>');
  });
});

describe("a session", () => {
  it("is over after eight hours", async () => {
    const relay = new TestRelay();
    const visitor = await Visitor.loggedIn(relay);
    relay.passSeconds(8 * HOUR_SECONDS - 1);
    expect((await visitor.get("/console")).status).toBe(200);
    relay.passSeconds(1);
    expect((await visitor.get("/console")).status).toBe(303);
  });

  it("is over once its token is revoked", async () => {
    const relay = new TestRelay();
    const { body } = await relay.api("POST", "/api/tokens", { name: "grafana", access: "full" });
    const visitor = await Visitor.loggedIn(relay, body.token);
    expect((await visitor.get("/console")).status).toBe(200);
    await relay.api("DELETE", `/api/tokens/${body.id}`);
    expect((await visitor.get("/console")).status).toBe(303);
  });

  it("is over once the admin token or the encryption key is another", async () => {
    const { cookie } = await Visitor.loggedIn(new TestRelay());
    for (const changes of [
      { ADMIN_TOKEN: `another-${ADMIN_TOKEN}` },
      { ENCRYPTION_KEYS: `another,${ENCRYPTION_KEY}` },
    ]) {
      const visitor = new Visitor(new TestRelay(changes));
      visitor.cookie = cookie;
      expect((await visitor.get("/console")).status).toBe(303);
    }
  });

  it("cannot be made up, and D1 is not asked for one that is", async () => {
    const relay = new TestRelay();
    const { body } = await relay.api("POST", "/api/tokens", { name: "grafana", access: "full" });
    const { cookie } = await Visitor.loggedIn(relay, body.token);
    const meter = new Meter();
    relay.env = { ...relay.env, DB: interceptDatabase(env.DB, meter.intercept) };
    const [name = "", value = ""] = (cookie ?? "").split("=");
    const [content = "", signature = ""] = value.split(".");
    const forged = btoa(JSON.stringify({ id: "x", tokenId: body.id, expiresAt: Number.MAX_SAFE_INTEGER }));
    for (const text of ["", ".", "x", content, `${content}.`, `${forged}.${signature}`, `.${signature}`, "é.é"]) {
      const visitor = new Visitor(relay);
      visitor.cookie = `${name}=${text}`;
      expect((await visitor.get("/console")).status).toBe(303);
    }
    expect(meter.calls).toBe(0);
  });

  it("is given over plain http without `Secure`, to a browser that heeds it, and taken in the same way", async () => {
    const relay = new TestRelay();
    const send = async (path: string, fields: Record<string, string>, cookie = "") => {
      const init = { method: "POST", headers: { cookie }, body: new URLSearchParams(fields) };
      const request = new Request(`http://localhost:8787${path}`, { ...init, redirect: "manual" });
      return relay.take(request);
    };
    const login = await send("/console/login", { token: ADMIN_TOKEN });
    expect(attributesOf(login)).toEqual(["HttpOnly", "Max-Age=28800", "Path=/console", "SameSite=Strict"]);
    const visitor = new Visitor(relay);
    visitor.cookie = login.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    const form_token =
      /name="form_token" value="([^"]+)"/.exec(await (await visitor.get("/console")).text())?.[1] ?? "";
    const logout = await send("/console/logout", { form_token }, visitor.cookie);
    expect(attributesOf(logout)).toEqual(["HttpOnly", "Max-Age=0", "Path=/console", "SameSite=Strict"]);
  });

  it("ends with the logout", async () => {
    const visitor = await Visitor.loggedIn(new TestRelay());
    const response = await visitor.press("/console/logout");
    expect(response.status).toBe(303);
    expect(attributesOf(response)).toEqual(["HttpOnly", "Max-Age=0", "Path=/console", "SameSite=Strict", "Secure"]);
    expect(visitor.cookie).toBeNull();
  });
});
