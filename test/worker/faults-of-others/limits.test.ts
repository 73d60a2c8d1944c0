import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { type Intercept, interceptDatabase } from "../support/database.ts";
import { type TestRelay, emptyDatabase } from "../support/relay.ts";
import { ok, statuses } from "../support/destinations.ts";
import { live, relayWithDestination, send, destination, whileBroken } from "./scene.ts";
import { writesDeliveries } from "../../support/deliveries.ts";

beforeEach(emptyDatabase);

/** D1 takes everything but what came of attempts, as if each consumer died at that point. */
const forgettingAttempts: Intercept = ({ statements }, proceed) =>
  writesDeliveries(statements[0]) ? Promise.reject(new Error("D1_ERROR: internal error")) : proceed();

async function degradedChecksOf(relay: TestRelay): Promise<string[]> {
  const response = await relay.fetch("/health");
  const { checks } = await response.json<{ checks: Record<string, { status: string }> }>();
  const degraded = Object.entries(checks).filter(([, { status }]) => status === "degraded");
  expect(response.status).toBe(degraded.length === 0 ? 200 : 503);
  return degraded.map(([name]) => name);
}

/** The most attempts in any second. */
function mostPerSecond(relay: TestRelay, from = 0): number {
  const at = relay.destinations
    .at(destination)
    .slice(from)
    .map((request) => request.at);
  return Math.max(...at.map((start) => at.filter((time) => time >= start && time < start + 1_000).length));
}

async function liveInTenths(relay: TestRelay, seconds: number): Promise<void> {
  for (let tenth = 0; tenth < seconds * 10; tenth += 1) {
    await relay.runQueues();
    relay.passSeconds(0.1);
  }
}

describe("6: max_per_second holds", () => {
  it("in the second in which a destination comes back", async () => {
    const { relay } = await relayWithDestination({ max_per_second: 2 }, statuses(500));
    for (let count = 0; count < 30; count += 1) {
      await send(relay, 1);
      await live(relay, 3);
    }
    const from = relay.destinations.at(destination).length;
    relay.destinations.answer(destination, ok);
    await liveInTenths(relay, 70);
    expect(mostPerSecond(relay, from)).toBeLessThanOrEqual(2);
  });

  it("when it is no whole number", async () => {
    const { relay } = await relayWithDestination({ max_per_second: 2.5 });
    for (let tenth = 0; tenth < 50; tenth += 1) {
      await send(relay, 1);
      await liveInTenths(relay, 0.1);
    }
    expect(mostPerSecond(relay)).toBeLessThanOrEqual(3);
  });
});

describe("7: an attempt that cannot be written down", () => {
  it.each([
    ["first", ok],
    ["later", statuses(500, 200)],
  ])("is not made more often in half a day than a retry schedule has steps: a %s one", async (_title, answer) => {
    const { relay } = await relayWithDestination({}, answer);
    await send(relay, 1);
    if (answer !== ok) await relay.runQueues();
    await whileBroken(relay, { DB: interceptDatabase(env.DB, forgettingAttempts) }, async () => {
      await live(relay, 1_200);
      expect(relay.destinations.at(destination).length).toBeLessThanOrEqual(12);
      // From now on an hour lies between two claims.
      await live(relay, 12 * 3_600 - 1_200, 1_800);
    });
    expect(relay.destinations.at(destination).length).toBeLessThanOrEqual(51);
  });
});

describe("13: health is degraded", () => {
  it("while the consumer of later attempts dies in every batch", async () => {
    const { relay } = await relayWithDestination({}, statuses(500, 200));
    await live(relay, 60);
    await send(relay, 1);
    await relay.runQueues();
    await whileBroken(relay, { DB: interceptDatabase(env.DB, forgettingAttempts) }, async () => {
      // Ten claims, and most of one that lasts an hour.
      await live(relay, 720);
      await live(relay, 2_880, 600);
    });
    expect(await degradedChecksOf(relay)).toEqual(["deliveries"]);
  });
});
