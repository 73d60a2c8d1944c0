import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Payload, businessRequest, makePayload } from "../../support/qonto.ts";
import { BUSINESS_SECRET, TestRelay, emptyDatabase } from "../support/relay.ts";

beforeEach(emptyDatabase);
afterEach(() => void vi.restoreAllMocks());

const destination = "https://destination.example.com/hook";

/** The same event with two bodies. */
function twoBodies(): [Payload, Payload] {
  const one = makePayload("v1/cards", { id: "same", data: { nickname: "one" } });
  return [one, { ...one, data: { nickname: "another" } }];
}

async function sendStale(relay: TestRelay, payload: Payload): Promise<void> {
  const signing = { secret: BUSINESS_SECRET, timestamp: Math.floor(relay.now / 1000) - 3_600 };
  expect((await relay.webhook(await businessRequest(payload, signing))).status).toBe(401);
}

const conflicts = async (relay: TestRelay) => (await relay.api("GET", "/api/ledger")).body.conflicts;

describe("the same id with another body", () => {
  it("is counted when the first is in quarantine and the second is accepted, and named in the log", async () => {
    const [one, another] = twoBodies();
    const relay = new TestRelay();
    await relay.addDestination(destination);
    await sendStale(relay, one);
    await relay.send(another);
    const log = vi.spyOn(console, "log");
    await relay.runCron();
    expect(log).toHaveBeenCalledWith(expect.objectContaining({ unit: "cron", conflicting_events: ["same"] }));
    await relay.runCron();
    expect(await conflicts(relay)).toBe(1);
    await relay.runQueues();
    expect(relay.destinations.at(destination).map(({ text }) => text)).toEqual([JSON.stringify(another)]);
  });

  it("is counted when the copy is released before the cron has seen that it is overtaken", async () => {
    const [one, another] = twoBodies();
    const relay = new TestRelay();
    await sendStale(relay, one);
    const { body } = await relay.api("GET", "/api/quarantine");
    await relay.send(another);
    await relay.api("POST", `/api/quarantine/${body.data[0].id}/release`);
    await relay.runCron();
    expect(await conflicts(relay)).toBe(1);
  });

  it("is counted when a stale copy comes after the event was recorded", async () => {
    const [one, another] = twoBodies();
    const relay = new TestRelay();
    await relay.send(one);
    await sendStale(relay, one);
    expect(await conflicts(relay)).toBe(0);
    await sendStale(relay, another);
    expect(await conflicts(relay)).toBe(1);
    expect((await relay.api("GET", "/api/quarantine")).body.data).toEqual([]);
  });

  it("is no conflict when the copy is the same, byte for byte", async () => {
    const [one] = twoBodies();
    const relay = new TestRelay();
    await sendStale(relay, one);
    await relay.send(one);
    await relay.runCron();
    expect(await conflicts(relay)).toBe(0);
  });
});
