import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ADMIN_TOKEN } from "../../support/admin-token.ts";
import { ENCRYPTION_KEY, TestRelay, emptyDatabase } from "../support/relay.ts";
import { read } from "./reading.ts";
import { Visitor } from "./visitor.ts";

const logged: Record<string, unknown>[] = [];

beforeEach(async () => {
  await emptyDatabase();
  for (const method of ["log", "error"] as const) {
    vi.spyOn(console, method).mockImplementation((line: Record<string, unknown>) => void logged.push(line));
  }
});

afterEach(() => {
  vi.restoreAllMocks();
  logged.length = 0;
});

type Ask = CloudflareAccessContext["getIdentity"];

const ask = vi.fn<Ask>();
beforeEach(() => void ask.mockReset());

/** Cloudflare Access stands before the relay, and lets in who has this e-mail address. */
function behindAccess(email: unknown = "ada@example.com", full = ""): TestRelay {
  const relay = new TestRelay({ CONSOLE_FULL_ACCESS_EMAILS: full });
  letIn(relay, async () => ({ email: email as string, user_uuid: "u-1" }));
  return relay;
}

function letIn(relay: TestRelay, getIdentity: Ask): void {
  ask.mockImplementation(getIdentity);
  relay.access = { aud: "aud-of-test", getIdentity: ask };
}

const formTokenOn = (html: string) => /name="form_token" value="([^"]+)"/.exec(html)?.[1] ?? "";

describe("an identity of Cloudflare Access", () => {
  it("enters without a login, and sees who it is, by what, and that it is read-only", async () => {
    const visitor = new Visitor(behindAccess("Ada@Example.COM"));
    const response = await visitor.get("/console/events");
    expect(response.status).toBe(200);
    expect(response.headers.get("set-cookie")).toBeNull();
    const html = await response.text();
    expect(html).toContain("<bdi>ada@example.com</bdi> · Cloudflare Access · read-only<");
    expect(html).toContain('<a href="/console/login">Log in with a token</a>');
    expect(html).toContain('href="/cdn-cgi/access/logout"');
    expect(html).not.toContain('action="/console/logout"');
  });

  it.each([
    ["ada@example.com", "ada@example.com"],
    ["Ada@Example.com", "bob@example.com, ADA@example.COM"],
    ["ada@example.com", "@example.com"],
    ["ada@example.com", "EXAMPLE.com"],
  ])("%s has full access where CONSOLE_FULL_ACCESS_EMAILS is %j", async (email, full) => {
    const visitor = new Visitor(behindAccess(email, full));
    const html = await (await visitor.get("/console/destinations")).text();
    expect(html).toContain("</bdi> · Cloudflare Access<");
    expect(html).not.toContain("Log in with a token");
  });

  it.each([
    ["ada@example.com", ""],
    ["ada@example.com", "bob@example.com"],
    ["ada@sub.example.com", "example.com"],
    ["ada@sub.example.com", "@example.com"],
    ["ada@notexample.com", "example.com"],
    ["ada@example.com.evil.test", "example.com"],
    ["xada@example.com", "ada@example.com"],
    ["ada@example.com", "not readable"],
    // The Kelvin sign, whose lower case is a k.
    ["\u212Aim@example.com", "kim@example.com"],
    ["kim@\u212Aelvin.example", "@kelvin.example"],
  ])("%s is read-only where CONSOLE_FULL_ACCESS_EMAILS is %j", async (email, full) => {
    const html = await (await new Visitor(behindAccess(email, full)).get("/console")).text();
    expect(html).toContain(" · Cloudflare Access · read-only<");
  });

  it("that is read-only presses nothing, and is told why", async () => {
    const relay = behindAccess();
    const { id } = await relay.addDestination("https://destination.example.com/hook");
    const visitor = new Visitor(relay);
    const response = await visitor.press(`/console/destinations/${id}/pause`, {}, `/console/destinations/${id}`);
    expect(response.status).toBe(403);
    expect(await response.text()).toContain("CONSOLE_FULL_ACCESS_EMAILS does not name you");
    expect((await relay.api("GET", `/api/destinations/${id}`)).body.enabled).toBe(true);
  });

  it("is in the audit trail and in the log as what no token can be called", async () => {
    const relay = behindAccess("Ada@example.com", "@example.com");
    const { id } = await relay.addDestination("https://destination.example.com/hook");
    const { body } = await relay.api("POST", "/api/tokens", { name: "ada", access: "full" });
    relay.passSeconds(1);
    const response = await new Visitor(relay).press(
      `/console/destinations/${id}/pause`,
      {},
      `/console/destinations/${id}`,
    );
    expect(response.status).toBe(303);
    relay.passSeconds(1);
    await (
      await Visitor.loggedIn(relay, body.token)
    ).press(`/console/destinations/${id}/resume`, {}, `/console/destinations/${id}`);
    const { data } = (await relay.api("GET", `/api/audit?subject=${id}`)).body;
    expect(data.map(({ token, action }: Record<string, string>) => [token, action])).toEqual([
      ["ada", "destination.changed"],
      ["ada@example.com", "destination.changed"],
      ["admin", "destination.created"],
    ]);
    expect(logged).toContainEqual(
      expect.objectContaining({
        unit: "console",
        message: "request.answered",
        method: "POST",
        route: "/console/destinations/:id/pause",
        token: "ada@example.com",
      }),
    );
    expect((await relay.api("POST", "/api/tokens", { name: "ada@example.com", access: "read" })).status).toBe(400);
    const trail = await read(new Visitor(relay), "/console/audit?token=ada@example.com");
    // Once in the page's head, and once for what she did.
    expect(trail.match(/ada@example\.com/g)).toHaveLength(2);
  });

  it("is asked for once a request, and not for what is in front of the session", async () => {
    const relay = behindAccess("ada@example.com", "example.com");
    const { id } = await relay.addDestination("https://destination.example.com/hook");
    const visitor = new Visitor(relay);
    const response = await visitor.press(`/console/destinations/${id}/pause`, {}, `/console/destinations/${id}`);
    expect(response.status).toBe(303);
    expect(ask).toHaveBeenCalledTimes(2);
    for (const path of ["/console/style.css", "/console/live.js", "/console/icon.svg", "/console/login"]) {
      expect((await visitor.get(path)).status).toBe(200);
    }
    expect(ask).toHaveBeenCalledTimes(2);
  });

  it("ends with the session at Cloudflare: the next page is the login, the next form does nothing", async () => {
    const relay = behindAccess("ada@example.com", "example.com");
    const { id } = await relay.addDestination("https://destination.example.com/hook");
    const visitor = new Visitor(relay);
    const form_token = formTokenOn(await (await visitor.get(`/console/destinations/${id}`)).text());
    for (const access of [undefined, { aud: "aud-of-test", getIdentity: async () => undefined }]) {
      relay.access = access;
      const page = await visitor.get("/console/events");
      expect([page.status, page.headers.get("location")]).toEqual([303, "/console/login?next=%2Fconsole%2Fevents"]);
      const form = await visitor.post(`/console/destinations/${id}/pause`, { form_token });
      expect([form.status, form.headers.get("location")]).toEqual([303, "/console/login"]);
    }
    expect((await relay.api("GET", `/api/destinations/${id}`)).body.enabled).toBe(true);
  });

  it("is none that a request claims by its headers or cookies", async () => {
    const visitor = new Visitor(new TestRelay({ CONSOLE_FULL_ACCESS_EMAILS: "example.com" }));
    const response = await visitor.get("/console", {
      "cf-access-authenticated-user-email": "ada@example.com",
      "cf-access-jwt-assertion": "x.y.z",
    });
    expect(response.status).toBe(303);
  });

  it("does not enter while no admin token is set", async () => {
    const relay = behindAccess();
    relay.env = { ...relay.env, ADMIN_TOKEN: "" };
    const response = await new Visitor(relay).get("/console");
    expect(response.status).toBe(503);
    expect(await response.text()).toContain("ADMIN_TOKEN is not set.");
    expect(ask).not.toHaveBeenCalled();
  });
});

describe("an identity that Cloudflare Access does not name", () => {
  const expectLogin = async (relay: TestRelay) => {
    const visitor = new Visitor(relay);
    const response = await visitor.get("/console/events");
    const location = response.headers.get("location") ?? "";
    expect([response.status, location]).toEqual([303, "/console/login?next=%2Fconsole%2Fevents"]);
    expect(await (await visitor.get(location)).text()).toContain('name="token"');
  };

  it.each([undefined, null, 7, "", "ada", "@example.com", "ada@", "a da@example.com", "a@b@example.com"])(
    "because its e-mail address is %j, is shown the login",
    async (email) => {
      const relay = behindAccess(email, "example.com");
      letIn(relay, async () => ({ email: email as string, common_name: "token.access" }));
      await expectLogin(relay);
      expect(logged.filter(({ message }) => message === "access.verify_failed")).toEqual([]);
    },
  );

  it.each<[string, Ask, string]>([
    ["because the call fails", async () => Promise.reject(new Error("no identity")), "no identity"],
    [
      "because the call throws",
      () => {
        throw new Error("no such call");
      },
      "no such call",
    ],
    ["because no answer comes", () => new Promise(() => undefined), "Cloudflare Access took over 2000 ms"],
  ])("%s, is shown the login, and the log says so once", async (_why, getIdentity, says) => {
    const relay = behindAccess();
    letIn(relay, getIdentity);
    await expectLogin(relay);
    const message = "access.verify_failed";
    const lines = logged.filter((line) => line.message === message);
    expect(lines).toEqual([{ unit: "console", message, error: expect.stringContaining(says) }]);
  });

  it("keeps nobody who has a token's session", async () => {
    const relay = behindAccess();
    letIn(relay, () => new Promise(() => undefined));
    expect((await (await Visitor.loggedIn(relay)).get("/console")).status).toBe(200);
  });
});

describe("a form of an identity", () => {
  it("bears its own token and comes from the relay's page, or does nothing", async () => {
    const relay = behindAccess("ada@example.com", "example.com");
    const { id } = await relay.addDestination("https://destination.example.com/hook");
    const page = `/console/destinations/${id}`;
    const pause = `${page}/pause`;
    const own = formTokenOn(await (await new Visitor(relay).get(page)).text());
    const ofSession = formTokenOn(await (await (await Visitor.loggedIn(relay)).get(page)).text());
    const bob = behindAccess("bob@example.com", "example.com");
    const ofBob = formTokenOn(await (await new Visitor(bob).get(page)).text());
    expect(new Set([own, ofSession, ofBob, ""]).size).toBe(4);

    letIn(relay, async () => ({ email: "ada@example.com" }));
    const visitor = new Visitor(relay);
    for (const form_token of ["", "x", ofSession, ofBob]) {
      expect((await visitor.post(pause, { form_token })).status).toBe(403);
    }
    for (const headers of [
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { "sec-fetch-site": "none" },
    ]) {
      expect((await visitor.post(pause, { form_token: own }, headers)).status).toBe(403);
    }
    expect((await relay.api("GET", `/api/destinations/${id}`)).body.enabled).toBe(true);

    relay.env = { ...relay.env, ENCRYPTION_KEYS: `another,${ENCRYPTION_KEY}` };
    expect((await visitor.post(pause, { form_token: own })).status).toBe(403);
    relay.env = { ...relay.env, ENCRYPTION_KEYS: ENCRYPTION_KEY };
    expect((await visitor.post(pause, { form_token: own })).status).toBe(303);
    expect((await relay.api("GET", `/api/destinations/${id}`)).body.enabled).toBe(false);
  });
});

describe("a token's session beside an identity", () => {
  it("counts while it lasts, without a look at the identity, and the logout leads back to that", async () => {
    const relay = behindAccess();
    const visitor = new Visitor(relay);
    const login = await (await visitor.get("/console/login")).text();
    expect(login).toContain('name="token"');
    expect((await visitor.post("/console/login", { token: ADMIN_TOKEN })).status).toBe(303);
    const page = await (await visitor.get("/console")).text();
    expect(page).toContain("<bdi>admin</bdi> · ADMIN_TOKEN<");
    expect(page).toContain('action="/console/logout"');
    const logout = await visitor.post("/console/logout", { form_token: formTokenOn(page) });
    expect([logout.status, logout.headers.get("location"), visitor.cookie]).toEqual([303, "/console", null]);
    expect(ask).not.toHaveBeenCalled();
    expect(await (await visitor.get("/console")).text()).toContain("<bdi>ada@example.com</bdi>");
  });

  it("leaves the identity when its token is revoked, which does nothing of what the session began", async () => {
    const relay = behindAccess("ada@example.com", "example.com");
    const { id } = await relay.addDestination("https://destination.example.com/hook");
    const { body } = await relay.api("POST", "/api/tokens", { name: "grafana", access: "full" });
    const visitor = await Visitor.loggedIn(relay, body.token);
    const form_token = formTokenOn(await (await visitor.get(`/console/destinations/${id}`)).text());
    await relay.api("DELETE", `/api/tokens/${body.id}`);
    expect((await visitor.post(`/console/destinations/${id}/pause`, { form_token })).status).toBe(403);
    expect((await relay.api("GET", `/api/destinations/${id}`)).body.enabled).toBe(true);
    expect(await (await visitor.get("/console")).text()).toContain("<bdi>ada@example.com</bdi>");
  });
});

describe("beside the console", () => {
  it("no identity is looked at: the API takes bearer tokens alone", async () => {
    const relay = behindAccess("ada@example.com", "example.com");
    const cookie = "CF_Authorization=x.y.z";
    for (const path of ["/api/destinations", "/api/audit", "/metrics"]) {
      expect((await relay.fetch(path, { headers: { cookie } })).status).toBe(401);
    }
    const body = JSON.stringify({ url: "https://destination.example.com/hook" });
    const headers = { cookie, "content-type": "application/json", "sec-fetch-site": "same-origin" };
    expect((await relay.fetch("/api/destinations", { method: "POST", headers, body })).status).toBe(401);
    expect((await relay.api("GET", "/api/destinations")).status).toBe(200);
    await relay.fetch("/health");
    expect((await relay.send({ id: "e1", type: "v1/cards" })).status).toBe(200);
    expect(ask).not.toHaveBeenCalled();
  });
});
