import { describe, expect, it, vi } from "vitest";
import { Counters } from "../../../src/domain/counters.ts";
import { operatorApi } from "../../../src/api/api.ts";
import { realWorld } from "../../../src/platform/world.ts";
import { ADMIN_TOKEN } from "../../support/admin-token.ts";
import { businessRequest, makePayload, onboardingRequest } from "../../support/qonto.ts";
import { TestRelay } from "../support/relay.ts";

const paths = [
  "/api/destinations",
  "/api/events",
  "/api/organizations",
  "/api/registrations",
  "/api/quarantine",
  "/api/no-such-thing",
];

describe("the operator's API", () => {
  it.each(paths)("answers 401 at %s without a token", async (path) => {
    const relay = new TestRelay();
    for (const authorization of [
      undefined,
      "",
      "Bearer",
      "Bearer ",
      "Bearer wrong",
      "Basic dGVzdA==",
      ADMIN_TOKEN,
      `Bearer ${ADMIN_TOKEN}2`,
      `Bearer ${ADMIN_TOKEN.slice(0, -1)}`,
    ]) {
      const response = await relay.fetch(path, authorization === undefined ? {} : { headers: { authorization } });
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toBe("Bearer");
      expect(response.headers.get("content-type")).toBe("application/problem+json");
      expect(await response.json()).toMatchObject({ status: 401, code: "unauthorized" });
    }
  });

  it.each([
    ["", "ADMIN_TOKEN is not set."],
    ["  ", "ADMIN_TOKEN is not set."],
    ["x".repeat(31), "ADMIN_TOKEN is too short: it must have at least 32 characters."],
    [
      `local-${"x".repeat(32)}`,
      "ADMIN_TOKEN begins with local-, which counts only with ALLOW_PRIVATE_DESTINATIONS=true.",
    ],
  ])("answers 503 while ADMIN_TOKEN is %j, and names the reason", async (token, detail) => {
    const relay = new TestRelay({ ADMIN_TOKEN: token });
    const response = await relay.fetch("/api/events", { headers: { authorization: `Bearer ${token}` } });
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: "not_configured", detail });
  });

  it.each(["local-admin-token", "a"])(
    "and the webhook take nothing with the local secrets of others and ADMIN_TOKEN=%s, and /health names them",
    async (token) => {
      const relay = new TestRelay({
        QONTO_WEBHOOK_SECRETS: "local-business-secret",
        QONTO_ONBOARDING_SECRETS: "local-onboarding-secret",
        ADMIN_TOKEN: token,
        ENCRYPTION_KEYS: "local-encryption-key",
      });
      const card = makePayload("v1/cards");
      const timestamp = Math.floor(relay.now / 1000);
      const refused = [
        await relay.webhook(await businessRequest(card, { secret: "local-business-secret", timestamp })),
        await relay.webhook(await onboardingRequest(card, { secret: "local-onboarding-secret" })),
        await relay.fetch("/api/events", { headers: { authorization: `Bearer ${token}` } }),
        await relay.fetch("/console/login", { method: "POST", body: new URLSearchParams({ token }) }),
      ];
      expect(refused.map(({ status }) => status)).toEqual([503, 503, 503, 503]);
      const { checks } = await (
        await relay.fetch("/health")
      ).json<{
        checks: Record<string, { status: string; detail: string }>;
      }>();
      for (const name of ["QONTO_WEBHOOK_SECRETS", "QONTO_ONBOARDING_SECRETS", "ADMIN_TOKEN", "ENCRYPTION_KEYS"]) {
        expect(checks["configuration"]?.detail).toContain(name);
      }
    },
  );

  it("takes a token of 32 characters, and a shorter one only with ALLOW_PRIVATE_DESTINATIONS", async () => {
    for (const changes of [
      { ADMIN_TOKEN: "x".repeat(32) },
      { ADMIN_TOKEN: "local-admin-token", ALLOW_PRIVATE_DESTINATIONS: "true" },
    ]) {
      const headers = { authorization: `Bearer ${changes.ADMIN_TOKEN}` };
      expect((await new TestRelay(changes).fetch("/api/events", { headers })).status).toBe(200);
    }
  });

  it("names a variable that cannot be read, and its valid values", async () => {
    const relay = new TestRelay({ SIGNATURE_TOLERANCE_SECONDS: "100000" });
    expect(await relay.api("GET", "/api/events")).toMatchObject({
      status: 503,
      body: {
        code: "not_configured",
        detail: "SIGNATURE_TOLERANCE_SECONDS must be a whole number from 1 to 86400.",
      },
    });
  });

  it("answers 404 at an unknown address", async () => {
    const relay = new TestRelay();
    expect(await relay.api("GET", "/api/no-such-thing")).toMatchObject({ status: 404, body: { code: "not_found" } });
    expect((await relay.fetch("/")).status).toBe(404);
    expect((await relay.fetch("/webhooks/other", { method: "POST" })).status).toBe(404);
  });

  it("answers 405 to a wrong method, and names the right ones", async () => {
    const relay = new TestRelay();
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    for (const [path, allow] of [
      ["/api/events", "GET"],
      ["/api/destinations/some%20one", "DELETE, GET, PATCH"],
      ["/health", "GET"],
    ] as const) {
      const response = await relay.fetch(path, { method: "PUT", headers });
      expect(response.status).toBe(405);
      expect(response.headers.get("allow")).toBe(allow);
      expect(await response.json()).toMatchObject({ status: 405, code: "method_not_allowed" });
    }
    expect((await relay.fetch("/api/events", { method: "PUT" })).status).toBe(401);
    expect((await relay.fetch("/api/events", { method: "HEAD", headers })).status).toBe(200);
  });

  it("answers 405 at every address with the methods that the document has there", async () => {
    const relay = new TestRelay();
    const { body } = await relay.api("GET", "/openapi.json");
    const addresses = Object.entries<object>(body.paths);
    expect(addresses.length).toBeGreaterThan(20);
    for (const [path, operations] of addresses) {
      const allow = Object.keys(operations).map((method) => method.toUpperCase());
      const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
      const response = await relay.fetch(path.replaceAll(/\{\w+\}/g, "some%20one"), { method: "PROPFIND", headers });
      expect({ path, status: response.status }).toEqual({ path, status: 405 });
      expect(response.headers.get("allow")).toBe(allow.toSorted().join(", "));
    }
  });

  it("ignores doubled slashes and a slash at the end of an address", async () => {
    const relay = new TestRelay();
    expect(await relay.api("GET", "//api/events/")).toMatchObject({ status: 200, body: { data: [] } });
    expect((await relay.fetch("//api//events/")).status).toBe(401);
    expect((await relay.fetch("//health/")).headers.get("content-type")).toContain("application/json");
  });

  it("answers each of an isolate's first requests that arrive at once, as does the console", async () => {
    const relay = new TestRelay();
    const paths = ["/openapi.json", "/console/login", "/openapi.json", "/console/login"];
    const responses = await Promise.all(paths.map((path) => relay.fetch(path)));
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  });

  it.each(["/api/diagnostics", "/api/destinations/dst_1", "/metrics"])(
    "refuses a query parameter that %s does not know with 400",
    async (path) => {
      const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
      const response = await new TestRelay().fetch(`${path}?colour=red`, { headers });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        code: "invalid_request",
        errors: [{ path: "colour", message: "is not a known field" }],
      });
    },
  );

  it("serves its OpenAPI 3.1 document without a token, and answers 304 to a client that has it", async () => {
    const relay = new TestRelay();
    const response = await relay.fetch("/openapi.json");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json");
    const headers = { "if-none-match": response.headers.get("etag") ?? "" };
    expect((await relay.fetch("/openapi.json", { headers })).status).toBe(304);
    const document = await response.json<{ openapi: string; paths: Record<string, unknown> }>();
    expect(document.openapi).toBe("3.1.0");
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining(["/api/destinations/{id}", "/api/events", "/health"]),
    );
  });

  it("writes its document once for each isolate", async () => {
    const api = operatorApi(realWorld, new Counters());
    const write = vi.spyOn(api, "getOpenAPI31Document");
    for (let time = 0; time < 3; time += 1) expect((await api.request("/openapi.json")).status).toBe(200);
    expect(write).toHaveBeenCalledTimes(1);
  });
});
