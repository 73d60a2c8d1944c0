import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { Meter, interceptDatabase } from "../support/database.ts";
import { businessRequest, makePayload, onboardingRequest } from "../../support/qonto.ts";
import { BUSINESS_SECRET, TestRelay, emptyDatabase } from "../support/relay.ts";

beforeEach(emptyDatabase);

const destination = "https://destination.example.com/hook";

type Body = Parameters<typeof businessRequest>[0];

const signedAgo = (relay: TestRelay, body: Body, seconds: number) =>
  businessRequest(body, { secret: BUSINESS_SECRET, timestamp: Math.floor(relay.now / 1000) - seconds });

const sendStale = async (relay: TestRelay, body: Body) => relay.webhook(await signedAgo(relay, body, 4_000));

async function waiting(relay: TestRelay): Promise<any[]> {
  return (await relay.api("GET", "/api/quarantine")).body.data;
}

/** The id of the only event that waits. */
async function idInQuarantine(relay: TestRelay): Promise<string> {
  const rows = await waiting(relay);
  expect(rows).toHaveLength(1);
  return rows[0].id;
}

async function relayWithDestination(changes: ConstructorParameters<typeof TestRelay>[0] = {}): Promise<TestRelay> {
  const relay = new TestRelay(changes);
  await relay.addDestination(destination);
  return relay;
}

const release = (relay: TestRelay, id: string) => relay.api("POST", `/api/quarantine/${id}/release`);

const brokenQueue = { send: () => Promise.reject(new Error("Queue send failed: overloaded")) } as unknown as Queue;

describe("a stale event that is released", () => {
  it("goes down the normal road with its original bytes", async () => {
    const relay = await relayWithDestination();
    const payload = makePayload("v1/cards", { organization_id: "org-1", data: { id: "card-1" } });
    const text = JSON.stringify(payload, null, 2);
    await sendStale(relay, text);
    const id = await idInQuarantine(relay);
    relay.passSeconds(86_400);
    expect(await release(relay, id)).toEqual({ status: 202, body: { status: "released", event_id: payload.id } });
    await relay.runQueues();

    expect(relay.destinations.at(destination).map(({ text }) => text)).toEqual([text]);
    expect(relay.destinations.at(destination)[0]?.headers.get("webhook-id")).toBe(payload.id);
    const { body: event } = await relay.api("GET", `/api/events/${payload.id}`);
    const received_at = new Date(relay.now).toISOString();
    expect(event).toMatchObject({ type: "v1/cards", event: "created", received_at, state: "settled", payload });
    expect((await relay.api("GET", "/api/organizations/org-1/resources/card-1")).status).toBe(200);
  });

  it("is delivered once, however often it is released", async () => {
    const relay = await relayWithDestination();
    await sendStale(relay, makePayload("v1/cards"));
    const id = await idInQuarantine(relay);
    const answers = await Promise.all([release(relay, id), release(relay, id)]);
    await relay.runQueues();
    relay.passSeconds(3_600);
    answers.push(await release(relay, id));
    await relay.runQueues();
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
    expect(relay.events.sent).toHaveLength(1);
    expect(relay.destinations.at(destination)).toHaveLength(1);
  });

  it("leaves the list, and is still shown by its id", async () => {
    const relay = await relayWithDestination();
    await sendStale(relay, makePayload("v1/cards"));
    const id = await idInQuarantine(relay);
    expect((await relay.api("GET", `/api/quarantine/${id}`)).body).toMatchObject({ id, settled_at: null });
    await release(relay, id);
    expect(await waiting(relay)).toEqual([]);
    const settled_at = new Date(relay.now).toISOString();
    expect((await relay.api("GET", `/api/quarantine/${id}`)).body).toMatchObject({ id, settled_at });
  });

  it("costs two D1 calls, four rows and one message, and its audit record two calls and two rows", async () => {
    const meter = new Meter();
    const relay = await relayWithDestination({ DB: interceptDatabase(env.DB, meter.intercept) });
    await sendStale(relay, makePayload("v1/cards"));
    const id = await idInQuarantine(relay);
    meter.calls = 0;
    meter.written.length = 0;
    await release(relay, id);
    expect(meter.calls).toBe(2 + 2);
    expect(meter.rowsWritten).toBe(4 + 2);
    expect(relay.events.sent).toHaveLength(1);
  });

  it("is found by the cron when its message could not be sent", async () => {
    const relay = await relayWithDestination({ EVENTS: brokenQueue });
    await sendStale(relay, makePayload("v1/cards"));
    expect((await release(relay, await idInQuarantine(relay))).status).toBe(202);
    const later = new TestRelay();
    later.passSeconds(31);
    await later.runCron();
    await later.runQueues();
    expect(later.destinations.at(destination)).toHaveLength(1);
  });

  it("has its message sent when D1 lost the answer to its recording", async () => {
    let isLost = false;
    const DB = interceptDatabase(env.DB, async ({ statements }, proceed) => {
      const results = await proceed();
      if (statements[0]?.includes("INSERT INTO events") && !isLost) {
        isLost = true;
        throw new Error("D1_ERROR: Network connection lost.");
      }
      return results;
    });
    const relay = await relayWithDestination({ DB });
    await sendStale(relay, makePayload("v1/cards"));
    await release(relay, await idInQuarantine(relay));
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(1);
  });

  it("brings no event about again when retention has deleted the one that it became", async () => {
    const relay = await relayWithDestination();
    await sendStale(relay, makePayload("v1/cards"));
    const id = await idInQuarantine(relay);
    await release(relay, id);
    await relay.runQueues();
    await env.DB.prepare("DELETE FROM events").run();
    expect((await release(relay, id)).status).toBe(202);
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(1);
  });
});

describe("a stale event that Qonto's retry brings again, in time", () => {
  it("is settled by it", async () => {
    const relay = await relayWithDestination();
    const payload = makePayload("v1/cards");
    await sendStale(relay, payload);
    const id = await idInQuarantine(relay);
    expect(await (await relay.send(payload)).json()).toEqual({ status: "accepted", event_id: payload.id });
    expect(await waiting(relay)).toEqual([]);
    relay.passSeconds(10);
    await relay.runCron();
    const settled_at = new Date(relay.now).toISOString();
    expect((await relay.api("GET", `/api/quarantine/${id}`)).body).toMatchObject({ settled_at });

    expect((await release(relay, id)).status).toBe(202);
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(1);
  });

  it("is delivered once when it is released before the cron has seen that", async () => {
    const relay = await relayWithDestination();
    const payload = makePayload("v1/cards");
    await sendStale(relay, payload);
    const id = await idInQuarantine(relay);
    await relay.send(payload);
    await relay.runQueues();
    expect(await release(relay, id)).toMatchObject({ status: 202, body: { event_id: payload.id } });
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(1);
    expect((await relay.api("GET", `/api/quarantine/${id}`)).body.settled_at).not.toBeNull();
  });

  it("is a duplicate when it has been released before", async () => {
    const relay = await relayWithDestination();
    const payload = makePayload("v1/cards");
    await sendStale(relay, payload);
    await release(relay, await idInQuarantine(relay));
    expect(await (await relay.send(payload)).json()).toEqual({ status: "duplicate", event_id: payload.id });
    expect((await sendStale(relay, payload)).status).toBe(401);
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(1);
    expect(await waiting(relay)).toEqual([]);
  });
});

describe("an unreadable event that is released", () => {
  const bytes = new Uint8Array([0xff, 0xfe, 0x00, 0x80]);

  it.each<[string, Body, string]>([
    ["that is no text", bytes, "unreadable"],
    ["that is no JSON", "no json", "unreadable"],
    ["that has a type and no id", '{"type":"v1/cards"}', "v1/cards"],
    ["whose type no header can carry", '{"id":"e1","type":"a\\nb"}', "unreadable"],
  ])("%s reaches the destinations byte for byte, under the id of its copy", async (_title, body, type) => {
    const relay = await relayWithDestination();
    const request = await signedAgo(relay, body, 0);
    await relay.webhook(request);
    const id = await idInQuarantine(relay);
    expect(await release(relay, id)).toMatchObject({ status: 202, body: { event_id: id } });
    await relay.runQueues();
    await release(relay, id);
    await relay.runQueues();

    expect(relay.destinations.received).toHaveLength(1);
    const [received] = relay.destinations.at(destination);
    expect(received?.body).toEqual(request.body);
    expect(received?.headers.get("webhook-id")).toBe(id);
    expect(received?.headers.get("x-relay-event-type")).toBe(type);
    const { body: shown } = await relay.api("GET", `/api/events/${id}`);
    const nothingElse = { event: null, organization_id: null, resource_id: null, created_at: null };
    expect(shown).toMatchObject({ id, type, state: "settled", payload: null, ...nothingElse });
    expect(shown.body_base64).toBe(request.body.toBase64());
    expect(await waiting(relay)).toEqual([]);
  });

  it("goes to a destination that wants its organization alone, if it names one", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination, { organizations: ["org-1"] });
    await relay.webhook(await signedAgo(relay, '{"id":"no header","type":"v1/cards","organization_id":"org-1"}', 0));
    await release(relay, await idInQuarantine(relay));
    await relay.runQueues();
    expect(relay.destinations.at(destination)).toHaveLength(1);
  });

  it("says what type it is in the Onboarding API's words, too", async () => {
    const relay = await relayWithDestination();
    await relay.sendOnboarding('{"event_type":"registrations.completed"}');
    await release(relay, await idInQuarantine(relay));
    await relay.runQueues();
    expect(relay.destinations.at(destination)[0]?.headers.get("x-relay-event-type")).toBe("registrations.completed");
    expect((await relay.api("GET", "/api/registrations")).body.data).toEqual([]);
  });

  it("is retried with its bytes, too", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination, { retry_schedule_seconds: [1] });
    let isWell = false;
    relay.destinations.answer(destination, () => new Response(null, { status: isWell ? 200 : 500 }));
    await relay.webhook(await signedAgo(relay, bytes, 0));
    await release(relay, await idInQuarantine(relay));
    await relay.runQueues();
    isWell = true;
    relay.passSeconds(1);
    await relay.runQueues();
    expect(relay.destinations.at(destination).map(({ body }) => body)).toEqual([bytes, bytes]);
  });

  it("holds up no other of its batch, and is not in the list of states", async () => {
    const relay = await relayWithDestination();
    await relay.webhook(await signedAgo(relay, '{"type":"v1/cards","organization_id":"org-1","data":{"id":"c1"}}', 0));
    await release(relay, await idInQuarantine(relay));
    await relay.send(makePayload("v1/cards", { organization_id: "org-2" }));
    await relay.runEventsBatch();
    expect(relay.destinations.at(destination)).toHaveLength(2);
    expect((await relay.api("GET", "/api/organizations")).body.data).toHaveLength(1);
  });

  it("sent again is not kept again, even when its copy has been thrown away", async () => {
    const relay = await relayWithDestination();
    const request = await signedAgo(relay, bytes, 0);
    await relay.webhook(request);
    const id = await idInQuarantine(relay);
    await release(relay, id);
    expect((await relay.api("DELETE", `/api/quarantine/${id}`)).status).toBe(204);
    expect(await (await relay.webhook(request)).json()).toEqual({ status: "quarantined", reason: "unreadable" });
    expect(await waiting(relay)).toEqual([]);
  });

  it("may be as large as any body is", async () => {
    const relay = new TestRelay({ MAX_BODY_BYTES: "1400000" });
    await relay.addDestination(destination);
    const large = new Uint8Array(1_400_000).fill(0xff);
    await relay.webhook(await signedAgo(relay, large, 0));
    await release(relay, await idInQuarantine(relay));
    await relay.runQueues();
    expect(relay.destinations.at(destination)[0]?.body.length).toBe(1_400_000);
  });
});

describe("an event in quarantine", () => {
  it("that is thrown away is gone", async () => {
    const relay = await relayWithDestination();
    await sendStale(relay, makePayload("v1/cards"));
    const id = await idInQuarantine(relay);
    expect(await relay.api("DELETE", `/api/quarantine/${id}`)).toEqual({ status: 204, body: null });
    expect(await waiting(relay)).toEqual([]);
    for (const [method, path] of [
      ["GET", id],
      ["DELETE", id],
      ["POST", `${id}/release`],
    ] as const) {
      const answer = await relay.api(method, `/api/quarantine/${path}`);
      expect(answer).toMatchObject({ status: 404, body: { code: "not_found" } });
    }
  });

  it("of the Onboarding API is released as one", async () => {
    const relay = await relayWithDestination();
    const request = await onboardingRequest('{"resource_id":"reg-1"}', { secret: "secret_key" });
    await relay.webhook(request);
    const id = await idInQuarantine(relay);
    await release(relay, id);
    expect((await relay.api("GET", `/api/events/${id}`)).body).toMatchObject({ source: "onboarding" });
  });
});
