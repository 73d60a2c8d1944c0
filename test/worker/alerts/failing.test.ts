import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { statuses } from "../support/destinations.ts";
import { emptyDatabase } from "../support/relay.ts";
import { accounting, alertedRelay, answerWith, liveMinutes, operations, sendCard, told, toldTypes } from "./scene.ts";

beforeEach(emptyDatabase);

const isCircuitOpen = async () =>
  (await env.DB.prepare("SELECT count(circuit_opened_at) AS open FROM destinations").first("open")) === 1;

describe("a destination that fails", () => {
  it("is told of when its circuit is open, and when it has recovered", async () => {
    const { relay, watched } = await alertedRelay();
    const failingAt = relay.now;
    await answerWith(relay, 500);
    await liveMinutes(relay, 2);
    const about = { destination_id: watched.id, destination_name: "Accounting" };
    const failingSince = new Date(failingAt).toISOString();
    expect(told(relay)).toMatchObject([
      { type: "destination.failing", data: { ...about, failing_since: failingSince } },
    ]);
    expect(told(relay)[0]?.data["consecutive_failures"]).toBeGreaterThanOrEqual(10);

    await liveMinutes(relay, 5);
    await answerWith(relay, 200);
    await liveMinutes(relay, 5);
    expect(told(relay)).toMatchObject([
      { type: "destination.failing" },
      { type: "destination.recovered", data: { ...about, failing_since: failingSince } },
    ]);
  });

  it("is told of after ten minutes if its circuit stays closed, because it has few events", async () => {
    const { relay } = await alertedRelay({ retrySchedule: null });
    await answerWith(relay, 500);
    await liveMinutes(relay, 9);
    expect(told(relay)).toEqual([]);
    await liveMinutes(relay, 1);
    expect(told(relay)).toMatchObject([{ type: "destination.failing", data: { consecutive_failures: 3 } }]);
    expect(await isCircuitOpen()).toBe(false);
    await liveMinutes(relay, 180);
    expect(told(relay)).toHaveLength(1);
  });

  it.each([
    ["for less than ten minutes", null, 5],
    ["once, and is not asked again", [], 60],
  ])("is not told of when it fails %s", async (_title, retrySchedule, minutes) => {
    const { relay, watched } = await alertedRelay({ retrySchedule });
    await answerWith(relay, 500);
    await liveMinutes(relay, minutes);
    await answerWith(relay, 200);
    await relay.api("POST", `/api/destinations/${watched.id}/replay`, {
      since: "2020-01-01T00:00:00Z",
      which: "failed",
    });
    await liveMinutes(relay, 20);
    expect(toldTypes(relay).filter((type) => type.startsWith("destination."))).toEqual([]);
  });

  it("is not told of while it is paused, and keeps what was told", async () => {
    const { relay, watched } = await alertedRelay();
    await answerWith(relay, 500);
    await liveMinutes(relay, 2);
    await relay.api("PATCH", `/api/destinations/${watched.id}`, { enabled: false });
    await liveMinutes(relay, 130);
    expect(toldTypes(relay)).toEqual(["destination.failing"]);
    relay.destinations.answer(accounting, statuses(200));
    await relay.api("PATCH", `/api/destinations/${watched.id}`, { enabled: true });
    await liveMinutes(relay, 2);
    expect(toldTypes(relay)).toEqual(["destination.failing", "destination.recovered"]);
  });

  it("leaves no alert when it is deleted", async () => {
    const { relay, watched } = await alertedRelay();
    await answerWith(relay, 500);
    await liveMinutes(relay, 2);
    expect(toldTypes(relay)).toEqual(["destination.failing"]);
    await relay.api("DELETE", `/api/destinations/${watched.id}`);
    await liveMinutes(relay, 70);
    expect(toldTypes(relay)).toEqual(["destination.failing"]);
    expect((await env.DB.prepare("SELECT 1 FROM alerts").all()).results).toEqual([]);
  });
});

it("a destination that fails and recovers again and again is told of once an hour, and at last what is true", async () => {
  const { relay } = await alertedRelay();
  for (let turn = 0; turn < 6; turn += 1) {
    await answerWith(relay, turn % 2 === 0 ? 500 : 200);
    await liveMinutes(relay, 10);
  }
  // The first failing and its end came at once, so the next hour has none.
  expect(toldTypes(relay)).toEqual(["destination.failing", "destination.recovered"]);
  await answerWith(relay, 500);
  await liveMinutes(relay, 10);
  expect(toldTypes(relay)).toEqual(["destination.failing", "destination.recovered", "destination.failing"]);
  await answerWith(relay, 200);
  await liveMinutes(relay, 70);
  expect(toldTypes(relay).slice(2)).toEqual(["destination.failing", "destination.recovered"]);
});

describe("a destination that is itself told of failures", () => {
  it("is not told of its own; the event is recorded, and another destination gets it", async () => {
    const { relay, watching } = await alertedRelay();
    await relay.api("PATCH", `/api/destinations/${watching.id}`, { types: ["relay.*", "v1/*"] });
    relay.destinations.answer(operations, statuses(500));
    await sendCard(relay);
    await liveMinutes(relay, 12);
    const { body } = await relay.api("GET", "/api/events?type=relay.*");
    expect(body.data).toMatchObject([
      { type: "relay.destination.failing", resource_id: watching.id, state: "unmatched" },
    ]);
    expect(toldTypes(relay)).not.toContain("destination.failing");

    const phone = "https://phone.example.com/hook";
    const { id } = await relay.addDestination(phone, { types: ["relay.*"] });
    await relay.api("POST", `/api/destinations/${id}/replay`, { since: "2020-01-01T00:00:00Z", which: "missing" });
    await liveMinutes(relay, 1);
    expect(told(relay, phone)).toMatchObject([
      {
        type: "destination.failing",
        data: { destination_id: watching.id, destination_name: "operations.example.com" },
      },
    ]);
    expect(relay.destinations.at(operations).map(({ headers }) => headers.get("x-relay-event-type"))).not.toContain(
      "relay.destination.failing",
    );
  });

  it("makes no stream of events when two of them fail and are told of each other", async () => {
    const { relay, watching, watched } = await alertedRelay();
    for (const { id, url } of [watching, watched]) {
      await relay.api("PATCH", `/api/destinations/${id}`, { types: ["relay.*"], retry_schedule_seconds: [1] });
      relay.destinations.answer(url, statuses(500));
    }
    await relay.send("{");
    await liveMinutes(relay, 300);
    const { body } = await relay.api("GET", "/api/events?type=relay.*");
    const types = body.data.map(({ type }: { type: string }) => type);
    // Its two deliveries are dead, and each failure is told to the other: nothing follows from those deliveries.
    expect(types.toSorted()).toEqual([
      "relay.destination.failing",
      "relay.destination.failing",
      "relay.quarantine.received",
    ]);
  });
});
