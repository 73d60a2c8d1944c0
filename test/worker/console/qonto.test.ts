import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { tokenRequests } from "../connection/scene.ts";
import { nextAddress, qontoApplication } from "../support/connected-relay.ts";
import { Meter, interceptDatabase } from "../support/database.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { actionsOf } from "./actions.ts";
import { read, withoutTags } from "./reading.ts";
import { Visitor } from "./visitor.ts";

const logged: unknown[] = [];

beforeEach(async () => {
  await emptyDatabase();
  for (const method of ["log", "error"] as const) {
    vi.spyOn(console, method).mockImplementation((...line: unknown[]) => void logged.push(...line));
  }
});

afterEach(() => {
  vi.restoreAllMocks();
  logged.length = 0;
});

function newRelay(changes: Partial<Bindings> = {}): TestRelay {
  return new TestRelay({ ...qontoApplication, ...changes });
}

/** The operator presses Connect; answers where the browser goes on to. */
async function begin(visitor: Visitor): Promise<string> {
  const response = await visitor.press("/console/qonto/connect", {}, "/console/qonto");
  expect(response.status).toBe(200);
  return nextAddress(response);
}

type Decision = Parameters<TestRelay["qonto"]["decide"]>;

/** A member decides at Qonto; answers path and query of the callback, which the browser has not followed yet. */
async function decide(relay: TestRelay, ...decision: Decision): Promise<string> {
  const callback = new URL(await relay.qonto.decide(...decision));
  expect(callback.origin + callback.pathname).toBe("https://relay.test/console/qonto/callback");
  return callback.pathname + callback.search;
}

async function consent(relay: TestRelay, visitor: Visitor): Promise<string> {
  return decide(relay, await begin(visitor), "accept");
}

const connectionsOf = async (relay: TestRelay) => (await relay.api("GET", "/api/connections")).body.data;

async function expectNotLetIn(relay: TestRelay, response: Response): Promise<void> {
  expect(response.status).toBe(403);
  expect(withoutTags(await response.text())).toContain("Nothing was changed. This browser has not begun to connect");
  expect(await connectionsOf(relay)).toEqual([]);
  expect(tokenRequests(relay)).toBe(0);
  expect(await actionsOf(relay)).toEqual([]);
}

describe("connecting an organization", () => {
  it("leads from the page to Qonto and back to the page, which shows it", async () => {
    const relay = newRelay();
    const visitor = await Visitor.loggedIn(relay);
    expect(await read(visitor, "/console/qonto")).toContain("No organization is connected");
    const address = await begin(visitor);
    expect(address).toMatch(/^https:\/\/oauth\.qonto\.com\/oauth2\/auth\?/);
    const response = await visitor.getFromElsewhere(await decide(relay, address, "accept"));
    expect(response.status).toBe(200);
    const page = await read(visitor, nextAddress(response));
    expect(page).toContain("The organization is connected.");
    expect(page).toContain(relay.qonto.bank.name);
    expect(page).toContain("Status ● Connected");
    expect(page).toContain("Webhooks to https://relay.test/webhooks/qonto");
    expect(await connectionsOf(relay)).toMatchObject([
      { organization_id: relay.qonto.bank.organizationId, status: "connected" },
    ]);
  });

  it("is all that an operator does: the next run of the cron subscribes and completes the state", async () => {
    const relay = newRelay();
    relay.qonto.bank.make("v1/clients");
    const visitor = await Visitor.loggedIn(relay);
    await visitor.getFromElsewhere(await consent(relay, visitor));
    expect(await read(visitor, "/console/qonto")).toContain("Not checked yet.");
    await relay.runCron();
    const page = await read(visitor, "/console/qonto");
    expect(page).toMatch(/Complete up to 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC/);
    expect(page).toMatch(/Subscription Status Types \S+ ● Active v1\//);
    expect(page).toMatch(/The first one ended .* \d+ items listed: \d+ were missing, none had drifted\./);
    expect(relay.qonto.subscriptions.size).toBe(1);
  });

  it("shows the address at Qonto as a link too, for a browser that does not go on by itself", async () => {
    const visitor = await Visitor.loggedIn(newRelay());
    const response = await visitor.press("/console/qonto/connect", {}, "/console/qonto");
    const [, link = ""] = /<a href="(https:[^"]+)">its own page<\/a>/.exec(await response.clone().text()) ?? [];
    expect(link.replaceAll("&amp;", "&")).toBe(nextAddress(response));
  });

  it("without the scope offline_access ends with a page that names it", async () => {
    const relay = newRelay();
    const visitor = await Visitor.loggedIn(relay);
    const address = new URL(await begin(visitor));
    address.searchParams.set("scope", "organization.read webhook");
    const page = await read(
      visitor,
      nextAddress(await visitor.getFromElsewhere(await decide(relay, address.href, "accept"))),
    );
    expect(page).toContain("Qonto granted no refresh token");
    expect(page).toContain("allow the scope offline_access");
    expect(page).not.toContain("check QONTO_CLIENT_ID");
    expect(await connectionsOf(relay)).toEqual([]);
  });

  it("is recorded as of the operator who began it, about the connection", async () => {
    const relay = newRelay();
    const { body } = await relay.api("POST", "/api/tokens", { name: "grafana", access: "full" });
    relay.passSeconds(1);
    const visitor = await Visitor.loggedIn(relay, body.token);
    await visitor.getFromElsewhere(await consent(relay, visitor));
    const [{ id }] = await connectionsOf(relay);
    const [record] = (await relay.api("GET", "/api/audit")).body.data;
    expect(record).toMatchObject({
      token: "grafana",
      action: "connection.created",
      subject: id,
      outcome: "done",
      before: null,
      after: { organization_name: relay.qonto.bank.name },
    });
    expect(await read(visitor, "/console/audit")).toContain("Connected an organization to Qonto");
  });

  it("connects several organizations side by side", async () => {
    const relay = newRelay();
    const other = relay.qonto.addBank();
    const visitor = await Visitor.loggedIn(relay);
    for (const { organizationId } of [relay.qonto.bank, other]) {
      await visitor.getFromElsewhere(await decide(relay, await begin(visitor), "accept", organizationId));
    }
    expect((await connectionsOf(relay)).map((one: any) => one.organization_id).toSorted()).toEqual(
      [relay.qonto.bank.organizationId, other.organizationId].toSorted(),
    );
  });

  it("gives the browser a cookie for the callback alone, which ends after it and with the logout", async () => {
    const relay = newRelay();
    const visitor = await Visitor.loggedIn(relay);
    const response = await visitor.press("/console/qonto/connect", {}, "/console/qonto");
    const [cookie = "", ...others] = response.headers.getSetCookie();
    expect(others).toEqual([]);
    expect(cookie.split("; ").slice(1).toSorted()).toEqual([
      "HttpOnly",
      "Max-Age=600",
      "Path=/console/qonto/callback",
      "SameSite=Lax",
      "Secure",
    ]);
    const callback = await decide(relay, nextAddress(response), "accept");
    const ended = (await visitor.getFromElsewhere(callback)).headers.getSetCookie();
    expect(ended).toEqual(["relay_qonto=; Max-Age=0; Path=/console/qonto/callback; HttpOnly; Secure; SameSite=Lax"]);
    const logout = await visitor.press("/console/logout");
    expect(logout.headers.getSetCookie()).toEqual(expect.arrayContaining(ended));
  });

  it("keeps code, state and cookie out of each log line and page, but for the state in the link to Qonto", async () => {
    const relay = newRelay();
    const visitor = await Visitor.loggedIn(relay);
    const response = await visitor.press("/console/qonto/connect", {}, "/console/qonto");
    const toQonto = await response.clone().text();
    const cookie = visitor.cookiesFor("/console/qonto/callback", { isFromElsewhere: true }) ?? "";
    const callback = await decide(relay, nextAddress(response), "accept");
    const back = await visitor.getFromElsewhere(callback);
    for (const { headers } of [response, back]) {
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("content-security-policy")).toContain("form-action 'self';");
    }
    const pages = [
      await back.clone().text(),
      await read(visitor, nextAddress(back)),
      await read(visitor, "/console/audit"),
    ];
    const { code = "", state = "" } = Object.fromEntries(new URL(callback, "https://relay.test").searchParams);
    const secrets = [code, state, cookie.split("=")[1] ?? ""];
    expect(secrets.filter((one) => one.length < 8)).toEqual([]);
    const said = [...pages, JSON.stringify(logged), nextAddress(back)].join("\n");
    expect(said).toContain("request.answered");
    expect(secrets.filter((one) => said.includes(one))).toEqual([]);
    expect(secrets.filter((one) => toQonto.includes(one))).toEqual([state]);
  });
});

describe("a callback", () => {
  it("without the cookie of who began it changes nothing, with and without a session", async () => {
    const relay = newRelay();
    const callback = await consent(relay, await Visitor.loggedIn(relay));
    await expectNotLetIn(relay, await new Visitor(relay).getFromElsewhere(callback));
    const other = await Visitor.loggedIn(relay);
    await expectNotLetIn(relay, await other.getFromElsewhere(callback));
    await expectNotLetIn(relay, await other.get(callback));
  });

  it("of another browser's authorization changes nothing, and leaves both usable", async () => {
    const relay = newRelay();
    const [attacker, victim] = [await Visitor.loggedIn(relay), await Visitor.loggedIn(relay)];
    const ofAttacker = await consent(relay, attacker);
    const ofVictim = await consent(relay, victim);
    await expectNotLetIn(relay, await victim.getFromElsewhere(ofAttacker));
    await expectNotLetIn(relay, await victim.getFromElsewhere("/console/qonto/callback?code=x&state=made-up-state"));
    expect(nextAddress(await victim.getFromElsewhere(ofVictim))).toContain("done=connection-created");
  });

  it("with a cookie that is made up, of the session, or expired changes nothing", async () => {
    const relay = newRelay();
    const visitor = await Visitor.loggedIn(relay);
    const session = visitor.cookie?.split("=")[1] ?? "";
    const callback = await consent(relay, visitor);
    const own = visitor.cookiesFor("/console/qonto/callback", { isFromElsewhere: true })?.split("=")[1] ?? "";
    const [content = "", signature = ""] = own.split(".");
    const forged = btoa(JSON.stringify({ ...JSON.parse(atob(content)), expiresAt: Number.MAX_SAFE_INTEGER }));
    for (const value of ["", "x", content, `${content}.`, `${forged}.${signature}`, session]) {
      const response = await new Visitor(relay).get(callback, { cookie: `relay_qonto=${value}` });
      await expectNotLetIn(relay, response);
    }
    expect((await new Visitor(relay).get("/console", { cookie: `relay_console=${own}` })).status).toBe(303);
    relay.passSeconds(600);
    await expectNotLetIn(relay, await visitor.getFromElsewhere(callback));
  });

  it("of a stranger costs no D1 call", async () => {
    const relay = newRelay();
    const callback = await consent(relay, await Visitor.loggedIn(relay));
    const meter = new Meter();
    relay.env = { ...relay.env, DB: interceptDatabase(env.DB, meter.intercept) };
    for (const cookie of ["", "relay_qonto=e30.AAAA", "relay_console=e30.AAAA; relay_qonto=x"]) {
      expect((await new Visitor(relay).get(callback, { cookie })).status).toBe(403);
    }
    expect(meter.calls).toBe(0);
  });

  it("after the token was revoked or the logout changes nothing", async () => {
    const relay = newRelay();
    const { body } = await relay.api("POST", "/api/tokens", { name: "grafana", access: "full" });
    const visitor = await Visitor.loggedIn(relay, body.token);
    const callback = await consent(relay, visitor);
    await relay.api("DELETE", `/api/tokens/${body.id}`);
    await env.DB.exec("DELETE FROM audit");
    await expectNotLetIn(relay, await visitor.getFromElsewhere(callback));
    const other = await Visitor.loggedIn(relay);
    const ofOther = await consent(relay, other);
    await other.press("/console/logout");
    await expectNotLetIn(relay, await other.getFromElsewhere(ofOther));
  });

  it("with the session of another operator changes nothing", async () => {
    const relay = newRelay();
    const { body } = await relay.api("POST", "/api/tokens", { name: "grafana", access: "full" });
    await env.DB.exec("DELETE FROM audit");
    const visitor = await Visitor.loggedIn(relay);
    const callback = await consent(relay, visitor);
    await visitor.post("/console/login", { token: body.token });
    await expectNotLetIn(relay, await visitor.get(callback));
  });

  it("of an identity of Cloudflare Access is its own, while it has full access", async () => {
    const relay = newRelay({ CONSOLE_FULL_ACCESS_EMAILS: "@example.com" });
    let email = "ada@example.com";
    relay.access = { aud: "aud-of-test", getIdentity: async () => ({ email }) };
    const visitor = new Visitor(relay);
    const callback = await consent(relay, visitor);
    email = "bob@example.com";
    await expectNotLetIn(relay, await visitor.getFromElsewhere(callback));
    email = "ada@example.com";
    const { env: bindings } = relay;
    relay.env = { ...bindings, CONSOLE_FULL_ACCESS_EMAILS: "bob@example.com" };
    await expectNotLetIn(relay, await visitor.getFromElsewhere(callback));
    relay.env = bindings;
    expect(nextAddress(await visitor.getFromElsewhere(callback))).toContain("done=connection-created");
    const [record] = (await relay.api("GET", "/api/audit")).body.data;
    expect(record).toMatchObject({ token: "ada@example.com", action: "connection.created" });
  });

  it("that comes twice says so, and changes nothing the second time", async () => {
    const relay = newRelay();
    const visitor = await Visitor.loggedIn(relay);
    const callback = await consent(relay, visitor);
    const cookie = visitor.cookiesFor("/console/qonto/callback", { isFromElsewhere: true }) ?? "";
    const [first, second] = await Promise.all([
      new Visitor(relay).get(callback, { cookie }),
      new Visitor(relay).get(callback, { cookie }),
    ]);
    const ways = [nextAddress(first), nextAddress(second)].toSorted();
    expect(ways).toEqual(["/console/qonto?done=authorization-used", "/console/qonto?done=connection-created"]);
    expect(await read(visitor, "/console/qonto?done=authorization-used")).toContain(
      "This answer of Qonto was used before, and nothing was changed.",
    );
    await visitor.getFromElsewhere(callback);
    const reloaded = await visitor.getFromElsewhere(callback);
    expect(reloaded.status).toBe(403);
    expect(await connectionsOf(relay)).toHaveLength(1);
    expect(tokenRequests(relay)).toBe(1);
    expect(await actionsOf(relay)).toEqual(["connection.created done"]);
  });

  it("of a member who refused says so, and records nothing", async () => {
    const relay = newRelay();
    const visitor = await Visitor.loggedIn(relay);
    const response = await visitor.getFromElsewhere(await decide(relay, await begin(visitor), "deny"));
    expect(await read(visitor, nextAddress(response))).toContain("Consent was refused at Qonto. Nothing was changed.");
    expect(await connectionsOf(relay)).toEqual([]);
    expect(await actionsOf(relay)).toEqual([]);
    expect(tokenRequests(relay)).toBe(0);
  });

  it("while Qonto does not answer says so, and records nothing", async () => {
    const relay = newRelay();
    const visitor = await Visitor.loggedIn(relay);
    const callback = await consent(relay, visitor);
    relay.qonto.faults.status = 503;
    const response = await visitor.getFromElsewhere(callback);
    expect(await read(visitor, nextAddress(response))).toContain("Qonto did not answer the relay. Nothing was changed");
    expect(await connectionsOf(relay)).toEqual([]);
    expect(await actionsOf(relay)).toEqual([]);
  });

  it("with a client secret that Qonto refuses says what to check", async () => {
    const relay = newRelay({ QONTO_CLIENT_SECRET: "wrong" });
    const visitor = await Visitor.loggedIn(relay);
    const response = await visitor.getFromElsewhere(await consent(relay, visitor));
    expect(await read(visitor, nextAddress(response))).toContain("check QONTO_CLIENT_ID, QONTO_CLIENT_SECRET");
    expect(await connectionsOf(relay)).toEqual([]);
  });

  it("is the only page that a request without a session gets beside the login", async () => {
    const relay = newRelay();
    const visitor = await Visitor.loggedIn(relay);
    await begin(visitor);
    const cookie = visitor.cookiesFor("/console/qonto/callback", { isFromElsewhere: true }) ?? "";
    for (const path of ["/console/qonto", "/console/qonto/callback/x", "/console/qonto/connect", "/console"]) {
      expect((await new Visitor(relay).get(path, { cookie })).status).toBe(303);
    }
    expect((await new Visitor(relay).post("/console/qonto/callback", {}, { cookie })).status).toBe(303);
  });
});
