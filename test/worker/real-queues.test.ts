import { env, exports } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { realWorld } from "../../src/platform/world.ts";
import { businessRequest, makePayload } from "../support/qonto.ts";
import { emptyDatabase } from "./support/relay.ts";
import { Teams, statuses } from "./support/teams.ts";

/** The Worker as wrangler.toml wires it: its own entry, its own queues, the real clock. Only the network is a stand-in. */
const teams = new Teams(realWorld);

const team = "https://team.example.com/hook";
const flaky = "https://flaky.example.com/hook";
const within = { timeout: 15_000, interval: 100 };

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

describe("the deployed wiring", { timeout: 30_000 }, () => {
  beforeAll(async () => {
    vi.stubGlobal("fetch", teams.fetch);
    await emptyDatabase();
    await addTeam({ url: team });
    await addTeam({ url: flaky, retry_schedule_seconds: [1, 1] });
    teams.answer(flaky, statuses(500, 500, 200));
  });

  it("carries an event through the real queues to every team, the failing one included", async () => {
    const payload = makePayload("v1/transactions");
    await send(payload);
    await vi.waitFor(() => expect(teams.at(team)).toHaveLength(1), within);
    await vi.waitFor(() => expect(teams.at(flaky)).toHaveLength(3), within);
    expect(teams.at(flaky).map(({ headers }) => headers.get("x-relay-attempt"))).toEqual(["1", "2", "3"]);
    const [first, second, third] = teams.at(flaky).map(({ at }) => at);
    expect(Math.min(Number(second) - Number(first), Number(third) - Number(second))).toBeGreaterThanOrEqual(1_000);
    await vi.waitFor(async () => {
      const { results } = await env.DB.prepare("SELECT status FROM deliveries").all();
      expect(results).toEqual([{ status: "delivered" }, { status: "delivered" }]);
    }, within);
  });

  it("delivers an event once that comes fifty times at the same moment", async () => {
    const before = teams.at(team).length;
    const payload = makePayload("v1/transfers");
    await Promise.all(Array.from({ length: 50 }, () => send(payload)));
    await vi.waitFor(() => expect(teams.at(team).length).toBe(before + 1), within);
    const { results } = await env.DB.prepare("SELECT count(*) AS rows FROM events WHERE id = ?1")
      .bind(payload.id)
      .all();
    expect(results).toEqual([{ rows: 1 }]);
  });

  it("carries an event that no message can hold", async () => {
    const payload = makePayload("v1/cards", { data: { padding: "x".repeat(300_000) } });
    await send(payload);
    const last = () => teams.at(team).at(-1)?.headers.get("webhook-id");
    await vi.waitFor(() => expect(last()).toBe(payload.id), within);
    expect(teams.at(team).at(-1)?.text).toBe(JSON.stringify(payload));
  });
});
