import { env, exports } from "cloudflare:workers";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ADMIN_TOKEN } from "../support/admin-token.ts";
import { realWorld } from "../../src/platform/world.ts";
import { type Payload, businessRequest, makePayload } from "../support/qonto.ts";
import { emptyDatabase } from "./support/relay.ts";
import { Destinations, statuses } from "./support/destinations.ts";

/** The Worker as wrangler.toml wires it: its own entry, its own queues, the real clock. Only the network is a stand-in. */
const destinations = new Destinations(realWorld);

const destination = "https://destination.example.com/hook";
const flaky = "https://flaky.example.com/hook";
const within = { timeout: 100_000, interval: 50 };

function call(path: string, init: RequestInit): Promise<Response> {
  return exports.default.fetch(new Request(`https://relay.test${path}`, init));
}

async function addDestination(settings: object): Promise<void> {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" };
  const response = await call("/api/destinations", { method: "POST", headers, body: JSON.stringify(settings) });
  expect(response.status).toBe(201);
}

/** Answers what became of it, in one word. */
async function send(payload: Payload): Promise<string> {
  const signing = { secret: "test-secret", timestamp: Math.floor(Date.now() / 1000) };
  const response = await call("/webhooks/qonto", await businessRequest(payload, signing));
  expect(response.status).toBe(200);
  return (await response.json<{ status: string }>()).status;
}

const requestsAbout = (url: string, { id }: Payload) =>
  destinations.at(url).filter(({ headers }) => headers.get("webhook-id") === id);

/** Events that are not recorded, have not had their first attempts or have deliveries that are still to be made. */
async function countUnfinished(payloads: readonly Payload[]): Promise<number> {
  const ids = JSON.stringify(payloads.map(({ id }) => id));
  const { results } = await env.DB.prepare(
    `SELECT id FROM events WHERE id IN (SELECT value FROM json_each(?1))
      AND recipients <> '{}'
      AND NOT EXISTS (SELECT 1 FROM json_each(recipients) AS recipient WHERE recipient.value IS NULL AND coalesce(
        (SELECT status FROM deliveries WHERE destination_id = recipient.key AND event_id = events.id), '') <> 'delivered')`,
  )
    .bind(ids)
    .all();
  return payloads.length - results.length;
}

describe("the deployed wiring", () => {
  const plain = makePayload("v1/transactions");
  const repeated = makePayload("v1/transfers");
  const large = makePayload("v1/cards", { data: { padding: "x".repeat(300_000) } });
  const many = Array.from({ length: 64 }, () => makePayload("v1/cards"));
  const words: string[] = [];
  /** Events in each batch of first attempts. */
  const batches: number[] = [];

  // All at once: the queues have a time of their own, and nothing of it is to reach another file's tests.
  beforeAll(async () => {
    vi.stubGlobal("fetch", destinations.fetch);
    vi.spyOn(console, "log").mockImplementation((line: { unit: string; events: number }) => {
      if (line.unit === "fan_out") batches.push(line.events);
    });
    await emptyDatabase();
    await addDestination({ url: destination });
    await addDestination({ url: flaky, types: ["v1/transactions"], retry_schedule_seconds: [1, 1] });
    destinations.answer(flaky, statuses(500, 500, 200));
    words.push(...(await Promise.all(many.map(send))));
    await Promise.all([send(plain), send(large), ...Array.from({ length: 50 }, () => send(repeated))]);
    const all = [plain, repeated, large, ...many];
    await vi.waitFor(async () => expect(await countUnfinished(all)).toBe(0), within);
  });
  afterAll(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  it("answers many requests at once, each in a context of its own, and delivers all", () => {
    expect(words).toEqual(many.map(() => "accepted"));
    for (const payload of many) expect(requestsAbout(destination, payload)).toHaveLength(1);
  });

  it("carries an event through the real queues to every destination, the failing one included", () => {
    expect(requestsAbout(destination, plain)).toHaveLength(1);
    expect(destinations.at(flaky).map(({ headers }) => headers.get("x-relay-attempt"))).toEqual(["1", "2", "3"]);
    const [first, second, third] = destinations.at(flaky).map(({ at }) => at);
    expect(Math.min(Number(second) - Number(first), Number(third) - Number(second))).toBeGreaterThanOrEqual(1_000);
  });

  it("delivers an event once that comes fifty times at the same moment", async () => {
    expect(requestsAbout(destination, repeated)).toHaveLength(1);
    const { results } = await env.DB.prepare("SELECT count(*) AS rows FROM events WHERE id = ?1")
      .bind(repeated.id)
      .all();
    expect(results).toEqual([{ rows: 1 }]);
  });

  it("makes the first attempts of no more than 25 events at once", () => {
    expect(batches.length).toBeGreaterThan(0);
    expect(Math.max(...batches)).toBeLessThanOrEqual(25);
  });

  it("carries an event that no message can hold", () => {
    expect(requestsAbout(destination, large).map(({ text }) => text)).toEqual([JSON.stringify(large)]);
  });
});
