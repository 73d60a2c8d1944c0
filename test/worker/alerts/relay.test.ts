import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { businessRequest, makePayload } from "../../support/qonto.ts";
import { failing, interceptDatabase } from "../support/database.ts";
import { BUSINESS_SECRET, type TestRelay, emptyDatabase } from "../support/relay.ts";
import { alertedRelay, liveMinutes, told, toldTypes } from "./scene.ts";

beforeEach(emptyDatabase);

async function sendStale(relay: TestRelay, payload = makePayload("v1/cards")): Promise<void> {
  const timestamp = Math.floor(relay.now / 1000) - 3_600;
  await relay.webhook(await businessRequest(payload, { secret: BUSINESS_SECRET, timestamp }));
}

describe("quarantined events", () => {
  it("are told of with their number, at most once an hour", async () => {
    const { relay } = await alertedRelay();
    const first = makePayload("v1/cards");
    await sendStale(relay, first);
    await relay.send("{");
    await liveMinutes(relay, 1);
    expect(told(relay)).toMatchObject([{ type: "quarantine.received", data: { quarantined_events: 2 } }]);

    await sendStale(relay);
    await liveMinutes(relay, 59);
    expect(told(relay)).toHaveLength(1);
    await liveMinutes(relay, 1);
    expect(told(relay)).toMatchObject([{}, { type: "quarantine.received", data: { quarantined_events: 3 } }]);

    // Qonto sends one of them again, for days.
    await sendStale(relay, first);
    await liveMinutes(relay, 70);
    expect(told(relay)).toHaveLength(2);
  });

  it("are told of when the queue was the way in, and its message comes twice", async () => {
    const { relay } = await alertedRelay();
    relay.env = { ...relay.env, DB: interceptDatabase(env.DB, failing) };
    await relay.send("{");
    relay.env = { ...relay.env, DB: env.DB };
    const [message] = relay.events.sent;
    await relay.runQueues();
    await liveMinutes(relay, 1);
    expect(toldTypes(relay)).toEqual(["quarantine.received"]);
    if (message) await relay.env.EVENTS.send(message.body);
    await liveMinutes(relay, 70);
    expect(toldTypes(relay)).toEqual(["quarantine.received"]);
  });

  it("that were released before they could be told are not", async () => {
    const { relay } = await alertedRelay();
    await sendStale(relay);
    await liveMinutes(relay, 1);
    await sendStale(relay);
    const { body } = await relay.api("GET", "/api/quarantine");
    for (const { id } of body.data) await relay.api("POST", `/api/quarantine/${id}/release`);
    await liveMinutes(relay, 70);
    expect(toldTypes(relay)).toEqual(["quarantine.received"]);
  });
});

describe("the health of the relay", () => {
  it("is told of with the checks that are degraded and what they say, and when it is good again", async () => {
    const { relay } = await alertedRelay();
    const { ENCRYPTION_KEYS, ...without } = relay.env;
    relay.env = { ...without, ADMIN_TOKEN: "" };
    await liveMinutes(relay, 1);
    relay.env = { ...without, ENCRYPTION_KEYS: String(ENCRYPTION_KEYS) };
    await liveMinutes(relay, 3);
    expect(told(relay)).toEqual([]);

    const deadLettersSql = `INSERT INTO dead_letters (id, kind, received_at, message) VALUES ('m1', 'unknown', ?1, '{}')`;
    await env.DB.prepare(deadLettersSql).bind(relay.now).run();
    await liveMinutes(relay, 2);
    expect(told(relay)).toMatchObject([
      {
        type: "health.degraded",
        data: { checks: ["dead_letters"], detail: "1 dead letter in the last hour." },
      },
    ]);
    await liveMinutes(relay, 65);
    expect(told(relay)).toMatchObject([{}, { type: "health.ok", data: { checks: ["dead_letters"] } }]);
    expect((await relay.fetch("/health")).status).toBe(200);
  });

  it("is not told of after the cron has paused, because it runs again", async () => {
    const { relay } = await alertedRelay();
    await liveMinutes(relay, 2);
    relay.passSeconds(3_600);
    await liveMinutes(relay, 3);
    expect(told(relay)).toEqual([]);
  });

  it("is told of to destinations of any organization, and about none", async () => {
    const { relay, watching } = await alertedRelay();
    await relay.api("PATCH", `/api/destinations/${watching.id}`, { organizations: ["org-1"] });
    await sendStale(relay);
    await liveMinutes(relay, 1);
    expect(toldTypes(relay)).toEqual(["quarantine.received"]);
    const { body } = await relay.api("GET", "/api/events?type=relay.*");
    expect(body.data).toMatchObject([{ organization_id: null, resource_id: null }]);
    expect((await relay.api("GET", "/api/ledger")).body).toMatchObject({ received: 1, balanced: true });
  });
});
