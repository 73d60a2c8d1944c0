import { beforeEach, describe, expect, it } from "vitest";
import { env } from "cloudflare:workers";
import { statuses } from "../support/destinations.ts";
import { emptyDatabase } from "../support/relay.ts";
import { accounting, alertedRelay, answerWith, liveMinutes, operations, sendCard, told, toldTypes } from "./scene.ts";

beforeEach(emptyDatabase);

describe("dead deliveries", () => {
  it("are told of with their number, at most once an hour", async () => {
    const { relay, watched } = await alertedRelay({ retrySchedule: [] });
    relay.destinations.answer(accounting, statuses(500, 500, 200));
    await sendCard(relay);
    await sendCard(relay);
    const diedAt = relay.now;
    await liveMinutes(relay, 1);
    const about = { destination_id: watched.id, destination_name: "Accounting" };
    expect(told(relay)).toMatchObject([
      {
        type: "delivery.dead",
        data: { ...about, dead_deliveries: 2, last_dead_at: new Date(diedAt).toISOString() },
      },
    ]);

    relay.destinations.answer(accounting, statuses(500, 200));
    await sendCard(relay);
    await answerWith(relay, 200);
    await liveMinutes(relay, 59);
    expect(told(relay)).toHaveLength(1);
    await liveMinutes(relay, 1);
    expect(told(relay)).toMatchObject([{}, { type: "delivery.dead", data: { dead_deliveries: 3 } }]);
    await liveMinutes(relay, 70);
    expect(told(relay)).toHaveLength(2);
  });

  it("that were replayed before they could be told are not", async () => {
    const { relay, watched } = await alertedRelay({ retrySchedule: [] });
    relay.destinations.answer(accounting, statuses(500, 500, 200));
    await sendCard(relay);
    await liveMinutes(relay, 1);
    await sendCard(relay);
    const range = { since: "2020-01-01T00:00:00Z", which: "failed" };
    await relay.api("POST", `/api/destinations/${watched.id}/replay`, range);
    await liveMinutes(relay, 70);
    expect(toldTypes(relay)).toEqual(["delivery.dead"]);
  });

  it("are told of when they expire behind an open circuit", async () => {
    const { relay, watched } = await alertedRelay({ retrySchedule: Array.from({ length: 50 }, () => 5) });
    await answerWith(relay, 500);
    await liveMinutes(relay, 2);
    expect(toldTypes(relay)).toEqual(["destination.failing"]);
    // What the probes of three days leave behind, in short.
    await env.DB.prepare("UPDATE destinations SET circuit_opened_at = 1, next_drain_at = ?2 WHERE id = ?1")
      .bind(watched.id, relay.now + 600_000)
      .run();
    await env.DB.prepare("UPDATE deliveries SET next_attempt_at = 2, received_at = 2").run();
    relay.retries.waiting = [];
    await liveMinutes(relay, 1);
    expect(told(relay)).toMatchObject([
      { type: "destination.failing" },
      { type: "delivery.dead", data: { dead_deliveries: 1 } },
    ]);
  });

  it("are not told of when an operator ended them", async () => {
    const { relay, watched } = await alertedRelay({ retrySchedule: [3_600] });
    await answerWith(relay, 500);
    await relay.api("PATCH", `/api/destinations/${watched.id}`, { types: ["v1/transfers"] });
    await liveMinutes(relay, 2);
    const { body } = await relay.api("GET", `/api/deliveries?status=dead&destination_id=${watched.id}`);
    expect(body.data).toHaveLength(1);
    await relay.api("PATCH", `/api/destinations/${watched.id}`, { types: [] });
    await sendCard(relay);
    await relay.api("DELETE", `/api/destinations/${watched.id}`);
    await liveMinutes(relay, 2);
    expect(told(relay)).toEqual([]);
  });

  it("of operational events make no further event", async () => {
    const { relay, watching, watched } = await alertedRelay({ retrySchedule: [] });
    await relay.api("PATCH", `/api/destinations/${watching.id}`, { retry_schedule_seconds: [] });
    await relay.api("PATCH", `/api/destinations/${watched.id}`, { types: ["relay.*", "v1/*"] });
    relay.destinations.answer(operations, statuses(500));
    await answerWith(relay, 500);
    await liveMinutes(relay, 130);
    const { body } = await relay.api("GET", "/api/events?type=relay.*");
    expect(body.data).toMatchObject([{ type: "relay.delivery.dead", resource_id: watched.id, state: "settled" }]);
  });
});

describe("a destination that answers 410", () => {
  it("is told of as disabled, and again when it does so after an operator has enabled it", async () => {
    const { relay, watched } = await alertedRelay();
    await answerWith(relay, 410);
    const disabledAt = new Date(relay.now).toISOString();
    await liveMinutes(relay, 1);
    const about = { destination_id: watched.id, destination_name: "Accounting" };
    expect(new Map(told(relay).map(({ type, data }) => [type, data]))).toEqual(
      new Map<string, object>([
        ["destination.disabled", { ...about, disabled_at: disabledAt }],
        ["delivery.dead", { ...about, dead_deliveries: 1, last_dead_at: disabledAt }],
      ]),
    );
    await liveMinutes(relay, 70);
    await relay.api("PATCH", `/api/destinations/${watched.id}`, { enabled: true });
    await liveMinutes(relay, 1);
    expect(told(relay)).toHaveLength(2);
    await sendCard(relay);
    await liveMinutes(relay, 1);
    expect(toldTypes(relay).slice(2).toSorted()).toEqual(["delivery.dead", "destination.disabled"]);
  });

  it("is not told of when an operator has enabled it before the next hour, or has paused it", async () => {
    const { relay, watched } = await alertedRelay();
    for (const status of [410, 410, 200]) {
      await answerWith(relay, status);
      await liveMinutes(relay, 1);
      await relay.api("PATCH", `/api/destinations/${watched.id}`, { enabled: true });
    }
    await relay.api("PATCH", `/api/destinations/${watched.id}`, { enabled: false });
    await liveMinutes(relay, 70);
    expect(toldTypes(relay).filter((type) => type === "destination.disabled")).toHaveLength(1);
  });
});
