import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { eventTypes } from "../../../src/qonto/event-types.ts";
import { Meter, interceptDatabase } from "../support/database.ts";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";

describe("the public page for receivers", () => {
  it("needs no login, no configuration and no D1 call", async () => {
    const meter = new Meter();
    const relay = new TestRelay({
      DB: interceptDatabase(env.DB, meter.intercept),
      ADMIN_TOKEN: "",
      QONTO_WEBHOOK_SECRETS: "",
    });
    for (const path of ["/docs", "/docs/", "/docs/style.css", "/docs/live.js", "/docs/icon.svg"])
      expect((await relay.fetch(path)).status, path).toBe(200);
    expect(meter.calls).toBe(0);
  });

  it("has every header that a delivery bears", async () => {
    await emptyDatabase();
    const relay = new TestRelay();
    await relay.addDestination("https://destination.example.com/hook");
    await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    const [delivery] = relay.destinations.received;
    const names = Array.from(delivery?.headers.keys() ?? []).filter((name) => /^(?:webhook|x)-/.test(name));
    expect(names.length).toBeGreaterThan(5);
    const page = await (await relay.fetch("/docs")).text();
    for (const name of [...names, "x-relay-reconciled", "x-relay-test"]) expect(page).toContain(`<dt>${name}</dt>`);
  });

  it("says that the body may have another format, and that the operator may have set headers", async () => {
    const page = await (await new TestRelay().fetch("/docs")).text();
    expect(page).toContain("CloudEvents, a message for Slack or Teams, or a template");
    expect(page).toMatch(/<dt>your own<\/dt><dd>Headers that the operator has set/);
  });

  it("has every event type with its sentence and an example", async () => {
    const page = await (await new TestRelay().fetch("/docs")).text();
    expect(eventTypes.length).toBeGreaterThan(27);
    for (const { type, description } of eventTypes) {
      expect(page).toContain(`<code>${type}</code> ${description.replaceAll("'", "&#39;")}`);
      expect(page).toContain(`aria-label="Example of ${type}"`);
    }
  });

  it("loads nothing from elsewhere, and caches keep it for five minutes", async () => {
    const relay = new TestRelay();
    const { headers } = await relay.fetch("/docs");
    const login = await relay.fetch("/console/login");
    expect(headers.get("content-security-policy")).toBe(login.headers.get("content-security-policy"));
    expect(headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(headers.get("cache-control")).toBe("public, max-age=300");
    const again = await relay.fetch("/docs", { headers: { "if-none-match": headers.get("etag") ?? "" } });
    expect(again.status).toBe(304);
  });

  it("takes GET alone, and has nothing beneath it", async () => {
    const relay = new TestRelay();
    const post = await relay.fetch("/docs", { method: "POST", body: "x".repeat(1_000) });
    expect([post.status, post.headers.get("allow")]).toEqual([405, "GET"]);
    expect((await relay.fetch("/docs/secret")).status).toBe(404);
  });
});
