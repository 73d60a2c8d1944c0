import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { ADMIN_TOKEN } from "../../support/admin-token.ts";
import { expectedMigrations } from "../../../src/store/migrations.ts";
import { failing, interceptDatabase } from "../support/database.ts";
import { businessRequest, makePayload } from "../../support/qonto.ts";
import { BUSINESS_SECRET, TestRelay, emptyDatabase } from "../support/relay.ts";

beforeEach(emptyDatabase);

const diagnose = async (relay: TestRelay) => {
  const answer = await relay.api("GET", "/api/diagnostics");
  expect(answer.status).toBe(200);
  return answer.body;
};

const canaryEvent = (id: string) => ({ id, type: "relay.canary", created_at: "2026-03-01T12:00:00Z", data: {} });

describe("diagnostics", () => {
  it("show the configuration's faults and counts, and no secret", async () => {
    const relay = new TestRelay({ QONTO_WEBHOOK_SECRETS: "secret-one,secret-two", QONTO_ONBOARDING_SECRETS: "" });
    const body = await diagnose(relay);
    expect(body.configuration).toEqual({
      faults: [],
      secrets: { business: 2, onboarding: 0, subscriptions: 0 },
      signature_tolerance_seconds: 300,
      allow_private_destinations: false,
      qonto_environment: null,
      qonto_types: null,
    });
    expect(JSON.stringify(body)).not.toContain("secret-");
    relay.env = { ...relay.env, QONTO_CLIENT_ID: "client", QONTO_CLIENT_SECRET: "client-secret" };
    expect((await diagnose(relay)).configuration).toMatchObject({ secrets: { subscriptions: 2 }, qonto_types: null });
    relay.env = { ...relay.env, QONTO_TYPES: "v1/cards,v1/unheard-of" };
    expect((await diagnose(relay)).configuration).toMatchObject({ qonto_types: ["v1/cards", "v1/unheard-of"] });
    relay.env = { ...relay.env, QONTO_WEBHOOK_SECRETS: "", QONTO_CLIENT_ID: "", QONTO_CLIENT_SECRET: "" };
    expect((await diagnose(relay)).configuration.faults).toEqual(["QONTO_WEBHOOK_SECRETS is not set"]);
  });

  it("show the relay's clock and whether its verification agrees with Qonto's vectors", async () => {
    const relay = new TestRelay();
    expect(await diagnose(relay)).toMatchObject({
      now: new Date(relay.now).toISOString(),
      signature_vectors: { business: true, onboarding: true },
    });
  });

  it("name the missing migrations", async () => {
    const { migrations } = await diagnose(new TestRelay());
    expect(migrations).toEqual({ applied: expectedMigrations, missing: [] });
    await env.DB.prepare("DELETE FROM d1_migrations WHERE name = ?1").bind(expectedMigrations.at(-1)).run();
    expect((await diagnose(new TestRelay())).migrations.missing).toEqual([expectedMigrations.at(-1)]);
    await env.DB.prepare("INSERT INTO d1_migrations (name) VALUES (?1)").bind(expectedMigrations.at(-1)).run();
  });

  it("name the missing migrations also without any table", async () => {
    const rename = (table: string, name: string) => env.DB.prepare(`ALTER TABLE ${table} RENAME TO ${name}`);
    await env.DB.batch([rename("counters", "counters_away"), rename("d1_migrations", "migrations_away")]);
    const { migrations, traffic } = await diagnose(new TestRelay());
    expect(migrations).toEqual({ applied: [], missing: expectedMigrations });
    expect(traffic).toEqual([]);
    await env.DB.batch([rename("counters_away", "counters"), rename("migrations_away", "d1_migrations")]);
  });

  it("count the signature checks of the last day", async () => {
    const relay = new TestRelay();
    const card = makePayload("v1/cards");
    const at = (seconds: number, secret = BUSINESS_SECRET) =>
      businessRequest(card, { secret, timestamp: Math.floor(relay.now / 1000) + seconds });
    await relay.send(card);
    await relay.send(card);
    await relay.webhook(await at(-301));
    await relay.webhook(await at(301));
    await relay.webhook(await at(0, "forged"));
    await relay.webhook(await at(0, "forged"));
    await relay.webhook({ method: "POST", body: "{}" });
    await relay.webhook({ method: "POST", body: "{}", headers: { "x-qonto-signature": "nonsense" } });
    await relay.runCron();
    const counted = { authentic: 2, too_old: 1, in_future: 1, mismatched: 2, missing: 1, malformed: 1 };
    expect((await diagnose(relay)).signatures).toMatchObject(counted);
    relay.passSeconds(26 * 3_600);
    expect((await diagnose(relay)).signatures).toMatchObject({ authentic: 0, mismatched: 0, missing: 0 });
  });

  it("show the events of each organization and type, with the latest and the longest gap", async () => {
    const relay = new TestRelay();
    const send = (organization: string | null, type: "v1/cards" | "v1/transfers") =>
      relay.send(makePayload(type, { organization_id: organization }));
    await send("org-1", "v1/cards");
    relay.passSeconds(100);
    await send("org-1", "v1/cards");
    await send("org-2", "v1/transfers");
    relay.passSeconds(300);
    await send("org-1", "v1/cards");
    await relay.sendOnboarding(makePayload("registrations.pending"));
    const last = new Date(relay.now).toISOString();
    expect((await diagnose(relay)).traffic).toEqual([
      {
        organization_id: null,
        type: "registrations.pending",
        events: 1,
        first_received_at: last,
        last_received_at: last,
        longest_gap_seconds: null,
      },
      {
        organization_id: "org-1",
        type: "v1/cards",
        events: 3,
        first_received_at: new Date(relay.now - 400_000).toISOString(),
        last_received_at: last,
        longest_gap_seconds: 300,
      },
      expect.objectContaining({ organization_id: "org-2", events: 1, longest_gap_seconds: null }),
    ]);
    relay.passSeconds(31 * 86_400);
    expect((await diagnose(relay)).traffic).toEqual([]);
  });

  it("show no reconciled events: these come also while no webhook arrives", async () => {
    const relay = new TestRelay();
    await relay.send(makePayload("v1/cards"));
    const before = (await diagnose(relay)).traffic;
    relay.passSeconds(3_600);
    await relay.send(makePayload("v1/cards", { id: "reconciled_1" }));
    await relay.send(makePayload("v1/transfers", { id: "reconciled_2" }));
    expect((await diagnose(relay)).traffic).toEqual(before);
  });

  it("show the queues' backlog, and null for a queue that does not tell", async () => {
    const relay = new TestRelay();
    await relay.send(makePayload("v1/cards"));
    relay.retries.binding.metrics = () => Promise.reject(new Error("not here"));
    relay.deadLetters.binding.metrics = () => new Promise(() => undefined);
    const { queues } = await diagnose(relay);
    expect(queues.events).toMatchObject({ backlog: 1, oldest_message_at: null });
    expect(queues.retries).toMatchObject({ backlog: null, oldest_message_at: null });
    expect(queues.dead_letters).toMatchObject({ backlog: null });
  });

  it("answer 500 while D1 is down", async () => {
    const relay = new TestRelay({ DB: interceptDatabase(env.DB, failing) });
    expect((await relay.api("GET", "/api/diagnostics")).status).toBe(500);
  });
});

describe("a canary through the queues", () => {
  it("is noted by each queue that is consumed, and by no other", async () => {
    const relay = new TestRelay();
    const sent = await relay.api("POST", "/api/diagnostics/canary");
    expect(sent).toEqual({ status: 202, body: { sent_at: new Date(relay.now).toISOString() } });
    const consumed = async () => {
      const { canary_sent_at, queues } = await diagnose(relay);
      expect(canary_sent_at).toBe(sent.body.sent_at);
      return Object.entries<any>(queues)
        .filter(([, queue]) => queue.canary_consumed_at === sent.body.sent_at)
        .map(([name]) => name);
    };
    expect(await consumed()).toEqual([]);
    await relay.runEventsBatch();
    expect(await consumed()).toEqual(["events"]);
    await relay.runBatch(relay.retries, "qonto-relay-retries", 1);
    expect(await consumed()).toEqual(["events", "retries"]);
    await relay.runBatch(relay.deadLetters, "qonto-relay-dead-letters", 10);
    expect(await consumed()).toEqual(["events", "retries", "dead_letters"]);
    expect(relay.events.waiting.length + relay.retries.waiting.length + relay.deadLetters.waiting.length).toBe(0);
  });

  it("leaves no trace among events, dead letters and metrics", async () => {
    const relay = new TestRelay();
    await relay.api("POST", "/api/diagnostics/canary");
    await relay.runQueues();
    await relay.runBatch(relay.deadLetters, "qonto-relay-dead-letters", 10);
    expect((await relay.api("GET", "/api/events")).body.data).toEqual([]);
    expect((await relay.api("GET", "/api/dead-letters")).body.data).toEqual([]);
    expect((await relay.api("GET", "/api/ledger")).body).toMatchObject({ received: 0, balanced: true });
  });

  it("is retried while D1 fails to note it", async () => {
    const relay = new TestRelay();
    await relay.api("POST", "/api/diagnostics/canary");
    const down = { DB: interceptDatabase(env.DB, failing) };
    for (const [queue, name] of [
      [relay.events, "qonto-relay-events"],
      [relay.retries, "qonto-relay-retries"],
      [relay.deadLetters, "qonto-relay-dead-letters"],
    ] as const) {
      await relay.runBatch(queue, name, 10, down);
      expect(queue.waiting, name).toHaveLength(1);
    }
  });
});

describe("a canary of the receiver", () => {
  it("is answered like an event, and is not recorded", async () => {
    const relay = new TestRelay();
    await relay.addDestination("https://destination.example.com/");
    const response = await relay.send(canaryEvent("canary-1"));
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: "accepted", event_id: "canary-1" });
    await relay.runQueues();
    await relay.runCron();
    expect((await diagnose(relay)).canary_receiver_at).toBe(new Date(relay.now).toISOString());
    expect((await relay.api("GET", "/api/events")).body.data).toEqual([]);
    expect((await relay.api("GET", "/api/ledger")).body.received).toBe(0);
    expect(relay.destinations.received).toEqual([]);
  });

  it("is accepted for the Onboarding API as well", async () => {
    const relay = new TestRelay();
    const response = await relay.sendOnboarding({ id: "canary-2", event_type: "relay.canary" });
    expect(await response.json()).toEqual({ status: "accepted", event_id: "canary-2" });
    expect((await relay.api("GET", "/api/events")).body.data).toEqual([]);
  });

  it("is counted apart when it is refused, because it is no forgery", async () => {
    const relay = new TestRelay();
    const timestamp = Math.floor(relay.now / 1000);
    const forged = await businessRequest(canaryEvent("p"), { secret: "forged", timestamp });
    await relay.webhook({ ...forged, headers: { ...forged.headers, "x-relay-canary": "1" } });
    await relay.runCron();
    expect((await diagnose(relay)).signatures.mismatched).toBe(0);
    const metrics = await relay.fetch("/metrics", { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
    expect(await metrics.text()).toContain('qonto_relay_canary_refusals_total{code="signature_mismatch"} 1\n');
  });

  it("is refused like an event: forged, stale, or not stored", async () => {
    const relay = new TestRelay();
    const timestamp = Math.floor(relay.now / 1000);
    const forged = await relay.webhook(await businessRequest(canaryEvent("p"), { secret: "forged", timestamp }));
    expect(forged.status).toBe(401);
    const stale = { secret: BUSINESS_SECRET, timestamp: timestamp - 301 };
    expect((await relay.webhook(await businessRequest(canaryEvent("p"), stale))).status).toBe(401);
    expect((await relay.api("GET", "/api/quarantine")).body.data).toEqual([]);
    const down = new TestRelay({ DB: interceptDatabase(env.DB, failing) });
    expect((await down.send(canaryEvent("p"))).status).toBe(503);
    expect((await diagnose(relay)).canary_receiver_at).toBeNull();
  });
});
