import { beforeEach, describe, expect, it } from "vitest";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { failingFirst, hang, ok, statuses } from "../support/destinations.ts";

/** A drain message costs money, and a drain. Their number must not grow with the time that something lasts. */

beforeEach(emptyDatabase);

const destination = "https://destination.example.com/hook";

async function sendAtOnce(relay: TestRelay, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, () => relay.send(makePayload("v1/cards"))));
}

/** Lets so many seconds pass with an event in each; answers how many messages were sent in each of them. */
async function liveOn(relay: TestRelay, seconds: number): Promise<number[]> {
  const sent: number[] = [];
  for (let second = 0; second < seconds; second += 1) {
    const before = relay.retries.sent.length;
    await relay.send(makePayload("v1/cards"));
    await relay.liveThrough(1);
    sent.push(relay.retries.sent.length - before);
  }
  return sent;
}

const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);
const most = (counts: readonly number[]) => Math.max(...counts);

describe("drain messages do not multiply", () => {
  it.each([1, 2, 3])("while each of %s events fails once", async (every) => {
    const relay = new TestRelay();
    await relay.addDestination(destination, { retry_schedule_seconds: [5] });
    relay.destinations.answer(destination, failingFirst(every));
    const sent = await liveOn(relay, 60);
    // For each failure one, and a few for the first three, which isolate the destination.
    expect(total(sent)).toBeLessThanOrEqual(60 / every + 3);
  });

  it("while a max_per_second keeps deliveries pending", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination, { max_per_second: 0.5 });
    relay.destinations.answer(destination, ok);
    const sent = await liveOn(relay, 60);
    expect(relay.destinations.at(destination).length).toBeGreaterThanOrEqual(29);
    // The event's own, and the next drain's.
    expect(most(sent)).toBeLessThanOrEqual(2);
  });

  it("while pending deliveries go out after a circuit has closed", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination, { retry_schedule_seconds: Array(50).fill(3) });
    relay.destinations.answer(destination, statuses(500));
    await sendAtOnce(relay, 1);
    await relay.liveThrough(61);
    await sendAtOnce(relay, 600);
    await relay.runQueues();
    relay.destinations.answer(destination, ok);
    await relay.liveThrough(6);
    const sent = await liveOn(relay, 10);
    expect(most(sent)).toBeLessThanOrEqual(3);
    await relay.liveThrough(60);
    expect(relay.retries.waiting).toEqual([]);
  });

  it("while attempts time out, and drains defer the rest", async () => {
    const relay = new TestRelay();
    await relay.addDestination(destination, { timeout_ms: 100, retry_schedule_seconds: Array(50).fill(10) });
    relay.destinations.answer(destination, hang);
    await sendAtOnce(relay, 60);
    const sent = await liveOn(relay, 25);
    expect(total(sent)).toBeLessThanOrEqual(2 * (60 + 25));
  });
});
