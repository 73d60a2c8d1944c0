import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { ADMIN_TOKEN } from "../../support/admin-token.ts";
import { type Intercept, interceptDatabase } from "../support/database.ts";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { statuses } from "../support/destinations.ts";

beforeEach(emptyDatabase);

const url = "https://destination.example.com/hook";

describe("a destination", () => {
  it("is created with defaults, and shows its secret once", async () => {
    const relay = new TestRelay();
    const created = await relay.api("POST", "/api/destinations", { url });
    expect(created.status).toBe(201);
    const { secret, ...destination } = created.body;
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(destination).toEqual({
      id: expect.stringMatching(/^dst_[0-9a-f]{28}$/),
      url,
      description: null,
      types: [],
      organizations: null,
      filter: null,
      enabled: true,
      retry_schedule_seconds: null,
      timeout_ms: 10_000,
      max_per_second: null,
      format: "qonto",
      header_names: [],
      template: null,
      created_at: new Date(relay.now).toISOString(),
      updated_at: new Date(relay.now).toISOString(),
      health: {
        state: "healthy",
        consecutive_failures: 0,
        last_success_at: null,
        last_failure_at: null,
        circuit_opened_at: null,
        next_probe_at: null,
        held_until: null,
      },
    });
    expect((await relay.api("GET", `/api/destinations/${destination.id}`)).body).toEqual(destination);
    expect((await relay.api("GET", "/api/destinations")).body).toEqual({ data: [destination], next_cursor: null });
  });

  it("is created with every option", async () => {
    const relay = new TestRelay();
    const input = {
      url,
      description: "Accounting",
      types: ["v1/transactions", "registrations.*"],
      organizations: ["org-1"],
      enabled: false,
      retry_schedule_seconds: [0, 1, 86_400],
      timeout_ms: 100,
      max_per_second: 0.5,
    };
    const { body } = await relay.api("POST", "/api/destinations", input);
    expect(body).toMatchObject(input);
    expect((await relay.api("GET", `/api/destinations/${body.id}`)).body).toMatchObject(input);
    expect(body.health.state).toBe("paused");
  });

  it("is created and changed with its URL as the URL standard writes it", async () => {
    const relay = new TestRelay();
    const made = await relay.addDestination(" HTTPS://Destination.example.com ");
    expect(made.url).toBe("https://destination.example.com/");
    relay.passSeconds(1);
    const changed = await relay.api("PATCH", `/api/destinations/${made.id}`, {
      url: "\thttps://bücher.example.com/h\n",
    });
    expect(changed.body.url).toBe("https://xn--bcher-kva.example.com/h");
    expect((await relay.api("GET", `/api/destinations/${made.id}`)).body.url).toBe(
      "https://xn--bcher-kva.example.com/h",
    );
    const { body } = await relay.api("GET", "/api/audit");
    expect(body.data.map(({ after }: any) => after.url)).toEqual([changed.body.url, made.url]);
  });

  it("is changed field by field; null and an empty list are values", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(url, {
      description: "Cards",
      types: ["v1/cards"],
      retry_schedule_seconds: [1],
    });
    relay.passSeconds(5);
    const changed = await relay.api("PATCH", `/api/destinations/${id}`, {
      description: null,
      types: [],
      retry_schedule_seconds: null,
      timeout_ms: 500,
    });
    expect(changed.status).toBe(200);
    expect(changed.body).toMatchObject({
      url,
      description: null,
      types: [],
      retry_schedule_seconds: null,
      timeout_ms: 500,
    });
    expect(changed.body.updated_at).toBe(new Date(relay.now).toISOString());
    expect(changed.body).not.toHaveProperty("secret");
    expect((await relay.api("PATCH", `/api/destinations/${id}`, { enabled: false })).body).toMatchObject({
      enabled: false,
      timeout_ms: 500,
    });
  });

  it("is neither restored nor enabled by a concurrent change", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(url);
    relay.destinations.answer(url, statuses(410));
    await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    const changed = await relay.api("PATCH", `/api/destinations/${id}`, { description: "changed" });
    expect(changed.body).toMatchObject({ description: "changed", enabled: false });

    const late: Intercept = async ({ statements }, proceed) => {
      if (statements[0]?.includes("UPDATE destinations SET url")) await relay.api("DELETE", `/api/destinations/${id}`);
      return proceed();
    };
    const slow = new TestRelay({ DB: interceptDatabase(env.DB, late) });
    expect((await slow.api("PATCH", `/api/destinations/${id}`, { description: "again" })).status).toBe(404);
    expect((await relay.api("GET", `/api/destinations/${id}`)).status).toBe(404);
  });

  it("keeps its secret through a change", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(url);
    await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    await relay.api("PATCH", `/api/destinations/${id}`, { description: "changed" });
    await relay.send(makePayload("v1/cards"));
    await relay.runQueues();
    expect(relay.destinations.at(url)).toHaveLength(2);
  });

  it("is removed, and its pending deliveries end as dead", async () => {
    const relay = new TestRelay();
    relay.destinations.answer(url, statuses(500));
    const { id } = await relay.addDestination(url);
    const payload = makePayload("v1/cards");
    await relay.send(payload);
    await relay.runQueues();
    const removed = await relay.api("DELETE", `/api/destinations/${id}`);
    expect(removed).toEqual({ status: 204, body: null });
    expect((await relay.api("GET", `/api/destinations/${id}`)).status).toBe(404);
    const { body } = await relay.api("GET", `/api/events/${payload.id}`);
    expect(body).toMatchObject({
      state: "settled",
      deliveries: [{ destination_id: id, status: "dead", next_attempt_at: null }],
    });
    relay.passSeconds(60);
    await relay.runQueues();
    expect(relay.destinations.at(url)).toHaveLength(1);
  });

  it("that is removed during an attempt leaves no pending delivery", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(url);
    relay.destinations.answer(url, async () => {
      await relay.api("DELETE", `/api/destinations/${id}`);
      return new Response(null, { status: 500 });
    });
    const payload = makePayload("v1/cards");
    await relay.send(payload);
    await relay.runQueues();
    const { body } = await relay.api("GET", `/api/events/${payload.id}`);
    expect(body).toMatchObject({ state: "settled", deliveries: [{ status: "dead", next_attempt_at: null }] });
  });

  it.each([
    ["GET", undefined],
    ["PATCH", {}],
    ["DELETE", undefined],
  ])("with an unknown id answers %s with 404", async (method, body) => {
    const relay = new TestRelay();
    const answer = await relay.api(method, "/api/destinations/dst_unknown", body);
    expect(answer).toMatchObject({ status: 404, body: { code: "not_found", status: 404 } });
  });

  it("may have a private address with ALLOW_PRIVATE_DESTINATIONS", async () => {
    const relay = new TestRelay({ ALLOW_PRIVATE_DESTINATIONS: "true" });
    expect((await relay.api("POST", "/api/destinations", { url: "http://127.0.0.1:3000/" })).status).toBe(201);
  });
});

describe("bad input", () => {
  it.each([
    ["no url", {}, "url"],
    ["a url that is not one", { url: "destination" }, "url"],
    ["a url with a private address", { url: "https://169.254.169.254/" }, "url"],
    ["a url with a line break within", { url: "https://exam\nple.com/h" }, "url"],
    ["a url with a fragment", { url: `${url}#part` }, "url"],
    ["a url of 3,000 characters", { url: `https://example.com/${"x".repeat(3_000)}` }, "url"],
    ["an unknown field", { url, colour: "red" }, "colour"],
    ["types that are not a list", { url, types: "v1/cards" }, "types"],
    ["a type with a star in its middle", { url, types: ["v1/*/x"] }, "types.0"],
    ["an empty type", { url, types: [""] }, "types.0"],
    ["no organizations", { url, organizations: [] }, "organizations"],
    ["an organization that is not a string", { url, organizations: [7] }, "organizations.0"],
    ["enabled as a string", { url, enabled: "yes" }, "enabled"],
    ["a wait of a second and a half", { url, retry_schedule_seconds: [1.5] }, "retry_schedule_seconds.0"],
    ["a wait below zero", { url, retry_schedule_seconds: [1, -1] }, "retry_schedule_seconds.1"],
    ["a wait of more than a day", { url, retry_schedule_seconds: [86_401] }, "retry_schedule_seconds.0"],
    ["51 waits", { url, retry_schedule_seconds: Array(51).fill(1) }, "retry_schedule_seconds"],
    ["a timeout of 99 ms", { url, timeout_ms: 99 }, "timeout_ms"],
    ["a timeout of 30,001 ms", { url, timeout_ms: 30_001 }, "timeout_ms"],
    ["a timeout of half a millisecond more", { url, timeout_ms: 100.5 }, "timeout_ms"],
    ["a rate of nothing", { url, max_per_second: 0 }, "max_per_second"],
  ])("such as %s is refused with its path", async (_title, body, path) => {
    const relay = new TestRelay();
    const answer = await relay.api("POST", "/api/destinations", body);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({
      status: 400,
      code: "invalid_request",
      errors: [{ path, message: expect.any(String) }],
    });
    expect((await relay.api("GET", "/api/destinations")).body.data).toEqual([]);
  });

  it.each([
    ["at the lower edges", { url, timeout_ms: 100, retry_schedule_seconds: [0] }],
    ["at the upper edges", { url, timeout_ms: 30_000, retry_schedule_seconds: Array(50).fill(86_400) }],
  ])("is not a value %s", async (_title, body) => {
    expect((await new TestRelay().api("POST", "/api/destinations", body)).status).toBe(201);
  });

  it("that is not JSON is refused", async () => {
    const answer = await new TestRelay().api("POST", "/api/destinations", "{");
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  });

  it("with another content type is refused", async () => {
    const response = await new TestRelay().fetch("/api/destinations", {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "text/plain" },
      body: JSON.stringify({ url }),
    });
    expect(response.status).toBe(400);
    const { id } = await new TestRelay().addDestination(url);
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const bare = await new TestRelay().fetch(`/api/destinations/${id}`, { method: "PATCH", headers });
    expect(bare.status).toBe(400);
  });

  it("in a change is refused, and changes nothing", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(url);
    for (const body of [
      { url: "http://10.0.0.1/" },
      { url: `${url}#x` },
      { secret: "mine" },
      { timeout_ms: 1 },
      { url: null },
    ]) {
      expect((await relay.api("PATCH", `/api/destinations/${id}`, body)).status).toBe(400);
    }
    expect((await relay.api("GET", `/api/destinations/${id}`)).body).toMatchObject({ url, timeout_ms: 10_000 });
  });
});

describe("a list", () => {
  it("is paged without gaps or repetitions while destinations are added", async () => {
    const relay = new TestRelay();
    const made: string[] = [];
    const add = async () => {
      relay.passSeconds(1);
      made.push((await relay.addDestination(url)).id);
    };
    for (let count = 0; count < 5; count += 1) await add();
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const query = cursor === "" ? "" : `&cursor=${cursor}`;
      const { body }: { body: any } = await relay.api("GET", `/api/destinations?limit=2${query}`);
      seen.push(...body.data.map(({ id }: { id: string }) => id));
      cursor = body.next_cursor;
      if (made.length < 7) await add();
    }
    expect(seen).toEqual(made);
  });

  it.each(["0", "101", "-1", "1.5", "many", "", "1e1"])("refuses limit=%s", async (limit) => {
    const answer = await new TestRelay().api("GET", `/api/destinations?limit=${limit}`);
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request", errors: [{ path: "limit" }] } });
  });

  it.each(["limit=1", "limit=100"])("accepts %s", async (query) => {
    expect((await new TestRelay().api("GET", `/api/destinations?${query}`)).status).toBe(200);
  });

  it.each(["garbage", "bnVsbA", "e30", "W10"])("refuses the foreign cursor %s", async (cursor) => {
    const answer = await new TestRelay().api("GET", `/api/destinations?cursor=${cursor}`);
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ path: "cursor" }] } });
  });

  it.each([
    "/api/destinations",
    "/api/destinations/dst_1",
    "/api/events",
    "/api/events/e1",
    "/api/organizations",
    "/api/organizations/o1",
    "/api/organizations/o1/resources",
    "/api/organizations/o1/resources/r1",
    "/api/registrations",
    "/api/registrations/r1",
    "/api/quarantine",
    "/api/quarantine/q1",
  ])("or a single item refuses an unknown parameter: %s", async (path) => {
    const answer = await new TestRelay().api("GET", `${path}?page=2`);
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ path: "page" }] } });
  });
});
