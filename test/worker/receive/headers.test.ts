import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { messageOf } from "../../../src/messages.ts";
import { hanging, interceptDatabase } from "../support/database.ts";
import { type SignedRequest, businessRequest, makePayload, onboardingRequest } from "../../support/qonto.ts";
import { BUSINESS_SECRET, TestRelay, emptyDatabase } from "../support/relay.ts";
import { statuses } from "../support/destinations.ts";

beforeEach(emptyDatabase);

const url = "https://destination.example.com/hook";

async function relayWithDestination(): Promise<TestRelay> {
  const relay = new TestRelay();
  await relay.addDestination(url);
  return relay;
}

async function sendWhileDatabaseHangs(relay: TestRelay, request: RequestInit): Promise<void> {
  const { env: whole } = relay;
  relay.env = { ...whole, DB: interceptDatabase(env.DB, hanging) };
  const context = { waitUntil: () => undefined, passThroughOnException: () => undefined, props: {} };
  const sent = new Request("https://relay.test/webhooks/qonto", request) as Parameters<typeof relay.relay.fetch>[0];
  const response = await relay.clock.waitFor(Promise.resolve(relay.relay.fetch(sent, relay.env, context as never)));
  expect(response.status).toBe(200);
  relay.env = whole;
}

describe("signature headers", () => {
  const signed = async (relay: TestRelay) => {
    const business = await relay.signed(makePayload("v1/cards"));
    const onboarding = await onboardingRequest(makePayload("registrations.pending"), { secret: "secret_key" });
    return { business, onboarding };
  };
  const send = (relay: TestRelay, { body }: SignedRequest, lines: [string, string][]) =>
    relay.webhook({ method: "POST", headers: new Headers(lines), body });
  const header = ({ headers }: SignedRequest): [string, string] => Object.entries(headers).at(-1) ?? ["", ""];

  it("that come twice with one value are one", async () => {
    const relay = new TestRelay();
    for (const request of Object.values(await signed(relay))) {
      const [name, value] = header(request);
      const response = await send(relay, request, [
        [name, value],
        [name, value],
      ]);
      expect(response.status, name).toBe(200);
    }
  });

  it("with t and v1 on two lines are read", async () => {
    const relay = new TestRelay();
    const { business } = await signed(relay);
    const [name, value] = header(business);
    const lines = value.split(",").map((field): [string, string] => [name, field]);
    expect((await send(relay, business, lines)).status).toBe(200);
  });

  it("that are empty leave the word to the other one", async () => {
    const relay = new TestRelay();
    const { onboarding } = await signed(relay);
    const response = await send(relay, onboarding, [["x-qonto-signature", ""], header(onboarding)]);
    expect([response.status, await response.json()]).toEqual([200, expect.objectContaining({ status: "accepted" })]);
  });

  it("that are empty alone are none", async () => {
    const relay = new TestRelay();
    for (const name of ["x-qonto-signature", "qonto-sha256-signature"]) {
      const response = await relay.webhook({ method: "POST", headers: { [name]: "" }, body: "{}" });
      expect([response.status, await response.json()]).toEqual([
        401,
        expect.objectContaining({ code: "signature_missing" }),
      ]);
    }
  });
});

describe("a header that goes out with the body", () => {
  it.each([
    ["content-type", "application/json; charset=utf-8", "application/json; charset=utf-8"],
    ["content-type", "text/plain;\tx=1", "text/plain;\tx=1"],
    // What the runtime makes of bytes that are not UTF-8.
    ["content-type", "application/json; x=\uFFFD", "application/octet-stream"],
    ["content-type", "application/json; x=é", "application/octet-stream"],
    ["content-encoding", "identity", "identity"],
    ["content-encoding", "gzip, br", "gzip, br"],
    ["content-encoding", "\uFFFD", null],
    ["content-encoding", "", null],
  ])("is passed on as received, or says nothing: %s %j", async (name, value, expected) => {
    const relay = await relayWithDestination();
    const { method, headers, body } = await relay.signed(makePayload("v1/cards"));
    expect((await relay.webhook({ method, headers: { ...headers, [name]: value }, body })).status).toBe(200);
    await relay.runQueues();
    expect(relay.destinations.received.map((request) => request.headers.get(name))).toEqual([expected]);
  });

  it("is not made up where there was none", async () => {
    const relay = await relayWithDestination();
    const { headers, body } = await relay.signed(makePayload("v1/cards"));
    const signature = { "x-qonto-signature": headers["x-qonto-signature"] ?? "" };
    await relay.webhook({ method: "POST", headers: signature, body });
    await relay.runQueues();
    const [received] = relay.destinations.received;
    expect([received?.headers.has("content-type"), received?.headers.has("content-encoding")]).toEqual([false, false]);
  });
});

describe("a content encoding", () => {
  const encoded = async (relay: TestRelay, payload: object | Uint8Array<ArrayBuffer>) => {
    const signing = { secret: BUSINESS_SECRET, timestamp: Math.floor(relay.now / 1000) };
    const { method, headers, body } = await businessRequest(payload, signing);
    return { method, headers: { ...headers, "content-encoding": "gzip" }, body };
  };
  const gzipped = async (payload: object) => {
    const stream = new Blob([JSON.stringify(payload)]).stream().pipeThrough(new CompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };
  const outgoing = (relay: TestRelay) =>
    relay.destinations.received.map(({ headers, body }) => [headers.get("content-encoding"), body]);

  it.each([
    ["in its message", {}],
    ["in D1 alone, for no message can carry it", { data: { padding: "x".repeat(200_000) } }],
  ])("goes out with an event that is %s", async (_where, changes) => {
    const relay = await relayWithDestination();
    const request = await encoded(relay, makePayload("v1/cards", changes));
    await relay.webhook(request);
    await relay.runQueues();
    expect(outgoing(relay)).toEqual([["gzip", request.body]]);
  });

  it("is kept with events that are recorded together", async () => {
    const relay = new TestRelay();
    const requests = [1, 2, 3].map(() => encoded(relay, makePayload("v1/cards")));
    await Promise.all(requests.map(async (request) => relay.webhook(await request)));
    const { results } = await env.DB.prepare("SELECT content_encoding FROM events").all();
    expect(results).toEqual(requests.map(() => ({ content_encoding: "gzip" })));
  });

  it("goes out with an event that only the queue took, and with its retry", async () => {
    const relay = await relayWithDestination();
    relay.destinations.answer(url, statuses(500, 200));
    const request = await encoded(relay, makePayload("v1/cards"));
    await sendWhileDatabaseHangs(relay, request);
    await relay.liveThrough(10);
    expect(outgoing(relay)).toEqual([
      ["gzip", request.body],
      ["gzip", request.body],
    ]);
  });

  it("is kept with compressed bytes in quarantine, shown, and goes out with them after their release", async () => {
    const relay = await relayWithDestination();
    const request = await encoded(relay, await gzipped(makePayload("v1/cards")));
    expect(await (await relay.webhook(request)).json()).toEqual({ status: "quarantined", reason: "unreadable" });
    const { body: page } = await relay.api("GET", "/api/quarantine");
    const { body: shown } = await relay.api("GET", `/api/quarantine/${page.data[0].id}`);
    expect(shown).toMatchObject({ content_encoding: "gzip", body_base64: request.body.toBase64() });
    await relay.api("POST", `/api/quarantine/${page.data[0].id}/release`);
    await relay.runQueues();
    expect(outgoing(relay)).toEqual([["gzip", request.body]]);
  });

  it("is kept with a stale event, and goes out with it after its release", async () => {
    const relay = await relayWithDestination();
    const request = await encoded(relay, makePayload("v1/cards"));
    relay.passSeconds(301);
    expect((await relay.webhook(request)).status).toBe(401);
    const { body: page } = await relay.api("GET", "/api/quarantine");
    await relay.api("POST", `/api/quarantine/${page.data[0].id}/release`);
    await relay.runQueues();
    expect(outgoing(relay)).toEqual([["gzip", request.body]]);
  });

  it("is kept by the queue while D1 hangs, and by a dead letter", async () => {
    const relay = await relayWithDestination();
    for (const type of ["v1/cards", "v1/transfers"] as const) {
      await sendWhileDatabaseHangs(relay, await encoded(relay, await gzipped(makePayload(type))));
    }
    // One is consumed, the other becomes a dead letter.
    relay.deadLetters.waiting = relay.events.waiting.splice(1);
    await relay.runQueues();
    await relay.runBatch(relay.deadLetters, "qonto-relay-dead-letters", 10);
    const { results } = await env.DB.prepare("SELECT content_encoding FROM quarantine").all();
    expect(results).toEqual([{ content_encoding: "gzip" }, { content_encoding: "gzip" }]);
  });

  it("is kept with an event that only a dead letter holds", async () => {
    const relay = new TestRelay();
    const payload = makePayload("v1/cards");
    const about = { source: "business", received_at: relay.now, content_type: null, content_encoding: "gzip" } as const;
    const inline = { ...about, body: JSON.stringify(payload) };
    relay.deadLetters.hold({
      id: "m1",
      body: messageOf([{ id: payload.id, lease_until: null, inline }]),
      dueAt: relay.now,
      tries: 0,
    });
    await relay.runBatch(relay.deadLetters, "qonto-relay-dead-letters", 10);
    const { results } = await env.DB.prepare("SELECT content_encoding FROM events").all();
    expect(results).toEqual([{ content_encoding: "gzip" }]);
  });
});
