import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { failing, hanging, interceptDatabase } from "../support/database.ts";
import { makePayload } from "../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";

beforeEach(emptyDatabase);

async function health(relay: TestRelay): Promise<{ http: number; status: string; degraded: string[] }> {
  const response = await relay.fetch("/health");
  const { status, checks } = await response.json<{ status: string; checks: Record<string, { status: string }> }>();
  const degraded = Object.entries(checks)
    .filter(([, check]) => check.status !== "ok")
    .map(([name]) => name);
  return { http: response.status, status, degraded };
}

const well = { http: 200, status: "ok", degraded: [] };

describe("health", () => {
  it("is ok once the cron has run, for anybody to see", async () => {
    const relay = new TestRelay();
    expect(await health(relay)).toEqual({ http: 503, status: "degraded", degraded: ["cron", "fan_out"] });
    await relay.runCron();
    expect(await health(relay)).toEqual(well);
  });

  it("is degraded when the cron has not run for minutes", async () => {
    const relay = new TestRelay();
    await relay.runCron();
    relay.passSeconds(180);
    expect(await health(relay)).toEqual(well);
    relay.passSeconds(1);
    expect((await health(relay)).degraded).toEqual(["cron"]);
  });

  it("is degraded when an event has waited for minutes", async () => {
    const relay = new TestRelay();
    await relay.send(makePayload("v1/cards"));
    relay.passSeconds(180);
    await relay.runCron();
    expect(await health(relay)).toEqual(well);
    relay.passSeconds(1);
    await relay.runCron();
    expect((await health(relay)).degraded).toEqual(["fan_out"]);
    await relay.runQueues();
    await relay.runCron();
    expect(await health(relay)).toEqual(well);
  });

  it.each([
    ["hangs", hanging],
    ["fails", failing],
  ])("is degraded when D1 %s", async (_title, intercept) => {
    const relay = new TestRelay({ DB: interceptDatabase(env.DB, intercept) });
    expect((await health(relay)).degraded).toContain("database");
  });

  it.each([
    ["QONTO_WEBHOOK_SECRETS", { QONTO_WEBHOOK_SECRETS: "" }],
    ["ADMIN_TOKEN", { ADMIN_TOKEN: "" }],
    ["RETENTION_DAYS", { RETENTION_DAYS: "a month" }],
  ])("names %s when it is not as it must be", async (name, changes) => {
    const relay = new TestRelay(changes);
    await relay.runCron();
    const response = await relay.fetch("/health");
    expect(response.status).toBe(503);
    expect(((await response.json()) as any).checks.configuration.detail).toContain(name);
  });

  it("does not ask for the onboarding secrets: not everybody uses that API", async () => {
    const relay = new TestRelay({ QONTO_ONBOARDING_SECRETS: "" });
    await relay.runCron();
    expect(await health(relay)).toEqual(well);
  });
});
