import { env, exports } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { realWorld } from "../../src/platform/world.ts";
import { type Payload, businessRequest, makePayload } from "../support/qonto.ts";
import { emptyDatabase } from "./support/relay.ts";
import { Teams, statuses } from "./support/teams.ts";

/** The Worker as wrangler.toml wires it: its own entry, its own queues, the real clock. Only the network is a stand-in. */
const teams = new Teams(realWorld);

const team = "https://team.example.com/hook";
const flaky = "https://flaky.example.com/hook";
const within = { timeout: 100_000, interval: 50 };

function call(path: string, init: RequestInit): Promise<Response> {
  return exports.default.fetch(new Request(`https://relay.test${path}`, init));
}

async function addTeam(settings: object): Promise<void> {
  const headers = { authorization: "Bearer test-admin-token", "content-type": "application/json" };
  const response = await call("/api/destinations", { method: "POST", headers, body: JSON.stringify(settings) });
  expect(response.status).toBe(201);
}

async function send(payload: object): Promise<void> {
  const signing = { secret: "test-secret", timestamp: Math.floor(Date.now() / 1000) };
  const response = await call("/webhooks/qonto", await businessRequest(payload, signing));
  expect(response.status).toBe(200);
}

const requestsAbout = (url: string, { id }: Payload) =>
  teams.at(url).filter(({ headers }) => headers.get("webhook-id") === id);

/** Events without their first attempts, and deliveries that are still to be made. */
async function unfinished(): Promise<unknown> {
  return env.DB.prepare(
    `SELECT (SELECT count(*) FROM events LEFT JOIN deliveries ON event_id = id WHERE event_id IS NULL) AS events,
      (SELECT count(*) FROM deliveries WHERE status <> 'delivered') AS deliveries`,
  ).first();
}

describe("the deployed wiring", () => {
  const plain = makePayload("v1/transactions");
  const repeated = makePayload("v1/transfers");
  const large = makePayload("v1/cards", { data: { padding: "x".repeat(300_000) } });
  const all = [plain, repeated, large];

  // All at once: each would have to wait for the queues' own time.
  beforeAll(async () => {
    vi.stubGlobal("fetch", teams.fetch);
    await emptyDatabase();
    await addTeam({ url: team });
    await addTeam({ url: flaky, types: [plain.type], retry_schedule_seconds: [1, 1] });
    teams.answer(flaky, statuses(500, 500, 200));
    await Promise.all([send(plain), send(large), ...Array.from({ length: 50 }, () => send(repeated))]);
    await vi.waitFor(async () => expect(await unfinished()).toEqual({ events: 0, deliveries: 0 }), within);
  });

  it("carries an event through the real queues to every team, the failing one included", () => {
    expect(requestsAbout(team, plain)).toHaveLength(1);
    expect(teams.at(flaky).map(({ headers }) => headers.get("x-relay-attempt"))).toEqual(["1", "2", "3"]);
    const [first, second, third] = teams.at(flaky).map(({ at }) => at);
    expect(Math.min(Number(second) - Number(first), Number(third) - Number(second))).toBeGreaterThanOrEqual(1_000);
  });

  it("delivers an event once that comes fifty times at the same moment", async () => {
    expect(requestsAbout(team, repeated)).toHaveLength(1);
    const { results } = await env.DB.prepare("SELECT id FROM events ORDER BY id").all();
    expect(results.map(({ id }) => id)).toEqual(all.map(({ id }) => id).toSorted());
  });

  it("carries an event that no message can hold", () => {
    expect(requestsAbout(team, large).map(({ text }) => text)).toEqual([JSON.stringify(large)]);
  });
});
