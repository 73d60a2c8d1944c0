import { Webhook } from "standardwebhooks";
import { beforeEach, describe, expect, it } from "vitest";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { hang, statuses } from "../support/destinations.ts";

beforeEach(emptyDatabase);

const url = "https://destination.example.com/hook";

const test = (relay: TestRelay, id: string) => relay.api("POST", `/api/destinations/${id}/test`);

describe("a test delivery", () => {
  it("is one sample event, signed like any other and marked as a test", async () => {
    const relay = new TestRelay();
    const { id, secret } = await relay.addDestination(url, { types: ["v1/transfers", "v1/cards"] });
    expect(await test(relay, id)).toEqual({
      status: 200,
      body: {
        outcome: "delivered",
        status: 200,
        duration_ms: expect.any(Number),
        response_excerpt: expect.any(String),
      },
    });
    const [request, ...more] = relay.destinations.at(url);
    if (request === undefined) throw new Error("Nothing was sent");
    expect(more).toEqual([]);
    const { text, headers } = request;
    const sentAt = new Date(Number(headers.get("webhook-timestamp")) * 1000);
    expect(headers.get("webhook-signature")).toBe(new Webhook(secret).sign(JSON.parse(text).id, sentAt, text));
    expect(Object.fromEntries(headers)).toMatchObject({
      "x-relay-test": "true",
      "x-relay-attempt": "1",
      "x-relay-event-type": "v1/cards",
      "content-type": "application/json",
      "webhook-id": JSON.parse(text).id,
    });
    expect(JSON.parse(text)).toMatchObject({ type: "v1/cards", created_at: new Date(relay.now).toISOString() });
  });

  it.each([
    [{}, "v1/transactions"],
    [{ types: ["registrations.*"] }, "registrations.pending"],
    [{ types: ["v1/something-new"] }, "v1/transactions"],
    [{ types: ["relay.*"] }, "relay.connection.lost"],
    [{ types: ["relay.source.silent"] }, "relay.source.silent"],
  ])("to a destination with %o is of type %s", async (settings, type) => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(url, settings);
    await test(relay, id);
    expect(relay.destinations.at(url)[0]?.headers.get("x-relay-event-type")).toBe(type);
  });

  it("is of an organization that the destination wants", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(url, { organizations: ["org-7"] });
    await test(relay, id);
    expect(JSON.parse(relay.destinations.at(url)[0]?.text ?? "{}").organization_id).toBe("org-7");
  });

  it.each([
    ["an error", statuses(500), { outcome: "rejected", status: 500 }],
    ["a redirect", statuses(302), { outcome: "redirected", status: 302 }],
    ["silence", hang, { outcome: "timed_out", status: null, response_excerpt: null }],
  ])("answers with its result: %s", async (_title, answer, expected) => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(url, { timeout_ms: 100 });
    relay.destinations.answer(url, answer);
    expect((await test(relay, id)).body).toMatchObject(expected);
  });

  it("leaves no event, no delivery and no failure, and even a 410 pauses nothing", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(url);
    const before = (await relay.api("GET", `/api/destinations/${id}`)).body;
    relay.destinations.answer(url, statuses(410));
    await test(relay, id);
    expect((await relay.api("GET", `/api/destinations/${id}`)).body).toEqual(before);
    expect((await relay.api("GET", "/api/events")).body.data).toEqual([]);
    expect((await relay.api("GET", "/api/deliveries")).body.data).toEqual([]);
  });

  it("reaches a paused destination, and leaves it paused", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(url, { enabled: false });
    expect((await test(relay, id)).body.outcome).toBe("delivered");
    expect((await relay.api("GET", `/api/destinations/${id}`)).body.enabled).toBe(false);
  });

  it("that succeeds has a destination with an open circuit probed at once", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(url, { retry_schedule_seconds: Array(20).fill(10) });
    relay.destinations.answer(url, statuses(500));
    await relay.send(makePayload("v1/cards"));
    await relay.liveThrough(200);
    expect((await relay.api("GET", `/api/destinations/${id}`)).body.health.circuit_opened_at).not.toBeNull();
    relay.retries.waiting = [];
    const failed = relay.destinations.at(url).length;
    await test(relay, id);
    expect(relay.retries.waiting).toEqual([]);

    relay.destinations.answer(url, statuses(200));
    await test(relay, id);
    await relay.runQueues();
    expect(
      relay.destinations
        .at(url)
        .slice(failed)
        .map(({ headers }) => headers.get("x-relay-test") ?? "real"),
    ).toEqual(["true", "true", "real"]);
  });

  it("to an unknown destination is 404, and with an unknown field 400", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(url);
    expect((await test(relay, "dst_none")).status).toBe(404);
    expect((await relay.api("POST", `/api/destinations/${id}/test`, { type: "v1/cards" })).status).toBe(400);
    expect(relay.destinations.at(url)).toEqual([]);
  });
});
