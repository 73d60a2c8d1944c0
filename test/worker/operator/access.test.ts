import { describe, expect, it } from "vitest";
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
  it.each(paths)("lets nobody in at %s without the token", async (path) => {
    const relay = new TestRelay();
    for (const authorization of [
      undefined,
      "",
      "Bearer",
      "Bearer ",
      "Bearer wrong",
      "Basic dGVzdA==",
      "test-admin-token",
      "Bearer test-admin-token2",
      "Bearer test-admin-toke",
    ]) {
      const response = await relay.fetch(path, authorization === undefined ? {} : { headers: { authorization } });
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toBe("Bearer");
      expect(response.headers.get("content-type")).toBe("application/problem+json");
      expect(await response.json()).toMatchObject({ status: 401, code: "unauthorized" });
    }
  });

  it("lets nobody in while no token is set", async () => {
    for (const ADMIN_TOKEN of ["", "  "]) {
      const relay = new TestRelay({ ADMIN_TOKEN });
      const response = await relay.fetch("/api/events", { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
      expect(response.status).toBe(503);
      expect(await response.json()).toMatchObject({ code: "not_configured" });
    }
  });

  it("answers 404 where there is nothing", async () => {
    const relay = new TestRelay();
    expect(await relay.api("GET", "/api/no-such-thing")).toMatchObject({ status: 404, body: { code: "not_found" } });
    expect((await relay.fetch("/")).status).toBe(404);
    expect((await relay.fetch("/webhooks/other", { method: "POST" })).status).toBe(404);
  });

  it("answers 405 where there is something for other methods, and names them", async () => {
    const relay = new TestRelay();
    const headers = { authorization: "Bearer test-admin-token" };
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

  it("answers 405 at every address, with the methods that the document names there", async () => {
    const relay = new TestRelay();
    const { body } = await relay.api("GET", "/openapi.json");
    const addresses = Object.entries<object>(body.paths);
    expect(addresses.length).toBeGreaterThan(20);
    for (const [path, operations] of addresses) {
      const allow = Object.keys(operations).map((method) => method.toUpperCase());
      const headers = { authorization: "Bearer test-admin-token" };
      const response = await relay.fetch(path.replaceAll(/\{\w+\}/g, "some%20one"), { method: "PROPFIND", headers });
      expect({ path, status: response.status }).toEqual({ path, status: 405 });
      expect(response.headers.get("allow")).toBe(allow.toSorted().join(", "));
    }
  });

  it("is at the same address with doubled slashes and one at the end", async () => {
    const relay = new TestRelay();
    expect(await relay.api("GET", "//api/events/")).toMatchObject({ status: 200, body: { data: [] } });
    expect((await relay.fetch("//api//events/")).status).toBe(401);
    expect((await relay.fetch("//health/")).headers.get("content-type")).toContain("application/json");
  });

  it("answers each of the first requests of an isolate that come at once, as the console does", async () => {
    const relay = new TestRelay();
    const paths = ["/openapi.json", "/console/login", "/openapi.json", "/console/login"];
    const responses = await Promise.all(paths.map((path) => relay.fetch(path)));
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  });

  it("describes itself to anybody, as OpenAPI 3.1", async () => {
    const response = await new TestRelay().fetch("/openapi.json");
    expect(response.status).toBe(200);
    const document = await response.json<{ openapi: string; paths: Record<string, unknown> }>();
    expect(document.openapi).toBe("3.1.0");
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining(["/api/destinations/{id}", "/api/events", "/health"]),
    );
  });
});
