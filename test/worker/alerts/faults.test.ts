import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { type Intercept, Meter, interceptDatabase, never } from "../support/database.ts";
import { statuses } from "../support/destinations.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { accounting, alertedRelay, answerWith, liveMinutes, operations, sendCard, told, toldTypes } from "./scene.ts";

beforeEach(emptyDatabase);

/** A relay whose destination is failing, and that nobody has told so yet. */
async function untold(intercept: Intercept = (_call, proceed) => proceed()) {
  const scene = await alertedRelay();
  await answerWith(scene.relay, 500);
  await scene.relay.liveThrough(90);
  scene.relay.env = { ...scene.relay.env, DB: interceptDatabase(env.DB, intercept) };
  return scene.relay;
}

const isTransition = ({ statements }: { readonly statements: readonly string[] }) =>
  statements.some((sql) => sql.includes("INTO alerts"));

const countEvents = () =>
  env.DB.prepare("SELECT count(*) AS events FROM events WHERE type GLOB 'relay.*'").first<number>("events");

describe("a transition is told once", () => {
  it("when D1 fails in the middle of it", async () => {
    let isDown = true;
    const relay = await untold((call, proceed) =>
      isDown && isTransition(call) ? Promise.reject(new Error("D1_ERROR: D1 DB is overloaded.")) : proceed(),
    );
    await expect(relay.runCron()).rejects.toThrow("tasks failed");
    expect(await countEvents()).toBe(0);
    isDown = false;
    await liveMinutes(relay, 5);
    expect(toldTypes(relay)).toEqual(["destination.failing"]);
  });

  it("when D1 makes the write and its answer is lost", async () => {
    let lost = 0;
    const relay = await untold(async (call, proceed) => {
      const results = await proceed();
      if (!isTransition(call) || lost > 0) return results;
      lost += 1;
      throw new Error("Network connection lost.");
    });
    await liveMinutes(relay, 5);
    expect([lost, toldTypes(relay)]).toEqual([1, ["destination.failing"]]);
    expect(await countEvents()).toBe(1);
  });

  it("when D1 stalls, makes the write late, and the run has died meanwhile", async () => {
    let late: (() => Promise<D1Result[]>) | undefined;
    const relay = await untold((call, proceed) => {
      if (!isTransition(call) || late !== undefined) return proceed();
      late = proceed;
      return never;
    });
    relay.died = Promise.reject(new Error("The process died"));
    relay.died.catch(() => undefined);
    await expect(relay.runCron()).rejects.toThrow("died");
    relay.died = never;
    await liveMinutes(relay, 3);
    await late?.();
    await liveMinutes(relay, 3);
    expect(late).toBeDefined();
    expect(toldTypes(relay)).toEqual(["destination.failing"]);
    expect(await countEvents()).toBe(1);
  });

  it("when two runs of the cron tell it at once", async () => {
    const waiting: (() => void)[] = [];
    const relay = await untold(async (call, proceed) => {
      // Both have read before one writes.
      if (isTransition(call) && waiting.length < 2) {
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
          if (waiting.length === 2) for (const go of waiting) go();
        });
      }
      return proceed();
    });
    await Promise.all([relay.runCron(), relay.runCron()]);
    await liveMinutes(relay, 3);
    expect([waiting.length, toldTypes(relay)]).toEqual([2, ["destination.failing"]]);
    expect(await countEvents()).toBe(1);
  });

  it("when the queue does not take its message", async () => {
    const relay = await untold();
    relay.events.beforeSend = () => Promise.reject(new Error("Queue send failed: overloaded"));
    await relay.runCron();
    relay.events.beforeSend = async () => undefined;
    expect(told(relay)).toEqual([]);
    await liveMinutes(relay, 2);
    expect(toldTypes(relay)).toEqual(["destination.failing"]);
  });

  it("is retried and can be replayed when the destination that is told fails too", async () => {
    const relay = await untold();
    relay.destinations.answer(operations, statuses(500, 200));
    await liveMinutes(relay, 2);
    expect(relay.destinations.at(operations).map(({ headers }) => headers.get("x-relay-attempt"))).toEqual(["1", "2"]);
    expect(toldTypes(relay)).toEqual(["destination.failing"]);
  });
});

it("costs one row for the alert and two for its event, and none in a run that tells nothing", async () => {
  const meter = new Meter();
  const relay = await untold(meter.intercept);
  await relay.runCron();
  const ofAlerts = () => meter.written.filter(({ statement }) => /alerts|INTO events/.test(statement));
  expect(ofAlerts()).toEqual([
    { statement: "INSERT INTO alerts", rows: 1 },
    { statement: "INSERT INTO events", rows: 2 },
  ]);
  await liveMinutes(relay, 5);
  expect(ofAlerts()).toHaveLength(2);
});

it("is recorded and listed as unmatched when no destination names it", async () => {
  const relay = new TestRelay();
  await relay.addDestination(accounting, { retry_schedule_seconds: [] });
  relay.destinations.answer(accounting, statuses(500));
  await sendCard(relay);
  await liveMinutes(relay, 1);
  const { body } = await relay.api("GET", "/api/events?type=relay.*");
  expect(body.data).toMatchObject([{ type: "relay.delivery.dead", state: "unmatched" }]);
  expect(relay.destinations.at(accounting)).toHaveLength(1);
});
