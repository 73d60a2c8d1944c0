import { beforeEach, describe, expect, it } from "vitest";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { Visitor } from "./visitor.ts";

beforeEach(emptyDatabase);

async function readOnlyVisitor(relay: TestRelay): Promise<Visitor> {
  const { body } = await relay.api("POST", "/api/tokens", { name: "grafana", access: "read" });
  return Visitor.loggedIn(relay, body.token);
}

describe("a form", () => {
  it("that does not bear the session's token is refused", async () => {
    const relay = new TestRelay();
    const visitor = await Visitor.loggedIn(relay);
    const other = await Visitor.loggedIn(relay);
    const ofOther = /name="form_token" value="([^"]+)"/.exec(await (await other.get("/console")).text())?.[1] ?? "";
    for (const fields of [{ other: "" }, { form_token: "" }, { form_token: "x" }, { form_token: ofOther }]) {
      const response = await visitor.post("/console/logout", fields);
      expect(response.status).toBe(403);
      expect(await response.text()).toContain("This form is not one of your session.");
    }
    expect((await visitor.get("/console")).status).toBe(200);
  });

  it("that another site sends is refused, even with the token", async () => {
    const visitor = await Visitor.loggedIn(new TestRelay());
    const html = await (await visitor.get("/console")).text();
    const form_token = /name="form_token" value="([^"]+)"/.exec(html)?.[1] ?? "";
    const headers = { "sec-fetch-site": "cross-site" };
    expect((await visitor.post("/console/logout", { form_token }, headers)).status).toBe(403);
  });

  it("without a session leads to the login and does nothing", async () => {
    const response = await new Visitor(new TestRelay()).post("/console/logout", {});
    expect(response.status).toBe(303);
    expect(response.headers.get("location")).toBe("/console/login");
  });

  it("that is larger than any form is refused", async () => {
    const visitor = await Visitor.loggedIn(new TestRelay());
    for (const path of ["/console/logout", "/console/login"]) {
      const response = await visitor.post(path, { token: "x".repeat(70_000) });
      expect(response.status).toBe(413);
      expect(await response.text()).toContain('<a href="/console">Go to the console</a>');
    }
  });
});

describe("a token that may only look", () => {
  it("sees a page and is told that it is one", async () => {
    const response = await (await readOnlyVisitor(new TestRelay())).get("/console");
    expect(response.status).toBe(200);
    expect(await response.text()).toMatch(/<bdi>grafana<\/bdi> · token · read-only</);
  });

  it("presses nothing, whatever there is to press", async () => {
    const visitor = await readOnlyVisitor(new TestRelay());
    const response = await visitor.press("/console/destinations");
    expect(response.status).toBe(403);
    expect(await response.text()).toContain("This token may look and not change.");
  });

  it("can log out", async () => {
    const visitor = await readOnlyVisitor(new TestRelay());
    expect((await visitor.press("/console/logout")).status).toBe(303);
  });
});

describe("each answer", () => {
  it("forbids all that a page of the console does not need", async () => {
    const visitor = await Visitor.loggedIn(new TestRelay());
    for (const path of [
      "/console",
      "/console/login",
      "/console/no-such-page",
      "/console/style.css",
      "/console/live.js",
    ]) {
      const { headers } = await visitor.get(path);
      const policy = (headers.get("content-security-policy") ?? "").split("; ");
      expect(policy.toSorted()).toEqual([
        "base-uri 'none'",
        "connect-src 'self'",
        "default-src 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "img-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
      ]);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("cache-control")).toBe(/\.(css|js)$/.test(path) ? "no-cache" : "no-store");
    }
  });

  it("is a page also where there is none", async () => {
    const visitor = await Visitor.loggedIn(new TestRelay());
    const response = await visitor.get("/console/no-such-page");
    expect(response.status).toBe(404);
    expect(await response.text()).toContain("There is no page at this address.");
  });

  it("of a file that has not changed is short", async () => {
    const visitor = new Visitor(new TestRelay());
    const first = await visitor.get("/console/style.css");
    expect(first.headers.get("content-type")).toBe("text/css; charset=utf-8");
    const again = await visitor.get("/console/style.css", { "if-none-match": first.headers.get("etag") ?? "" });
    expect(again.status).toBe(304);
  });
});
