import { expect, it } from "vitest";
import { type Job, type JobResult, attemptAll } from "../../../src/deliver/attempt-all.ts";
import { realWorld } from "../../../src/platform/world.ts";
import { Clock } from "../support/clock.ts";
import { someDestination } from "../support/store.ts";
import { Destinations, hang } from "../support/destinations.ts";

const event = {
  id: "e1",
  source: "business",
  type: "v1/cards",
  event: null,
  organizationId: null,
  resourceId: null,
  createdAt: null,
  receivedAt: 0,
  contentType: null,
  contentEncoding: null,
  isUnreadable: false,
  body: "{}",
} as const;

function job(name: string, isIsolated: boolean): Job {
  const destination = {
    ...someDestination,
    id: name,
    url: `https://${name}.example.com/`,
    timeoutMs: 1_500,
    // Not encrypted: as an earlier version kept it.
    encryptedSecret: "whsec_c2VjcmV0",
    isIsolated,
    isFailing: isIsolated,
  };
  const key = { destinationId: name, eventId: event.id, receivedAt: event.receivedAt };
  return {
    event,
    destination,
    shown: null,
    delivery: { ...key, status: "pending", attempts: [], step: 0, nextAttemptAt: 0 },
  };
}

function attempt(jobs: readonly Job[], destinations: Destinations, clock: Clock) {
  const { now, setTimer } = clock;
  const config = { allowPrivateDestinations: false, encryptionKeys: [] };
  const posting = { world: { ...realWorld, now, setTimer, random: () => 0, fetch: destinations.fetch }, config };
  return clock.waitFor(attemptAll(jobs, 15_000, posting));
}

const outcomeOf = (result: JobResult) => [
  result.destination.id,
  result.state === "attempted" ? result.attempt.outcome : undefined,
];

it("when five attempts are late, nothing more is begun, and the rest is deferred", async () => {
  const clock = new Clock();
  const destinations = new Destinations(clock);
  const ill = ["a", "b", "c", "d", "e", "f"].map((name) => job(name, true));
  for (const { destination } of ill) destinations.answer(destination.url, hang);
  const { results, late } = await attempt([job("well", false), ...ill], destinations, clock);
  expect(results.map(outcomeOf)).toEqual([
    ["well", "delivered"],
    ["f", undefined],
  ]);
  expect(late.map((one) => one.destination.id)).toEqual(["a", "b", "c", "d", "e"]);
});

it("a job that cannot be prepared is refused, and no other job's batch fails for it", async () => {
  const clock = new Clock();
  const destinations = new Destinations(clock);
  const broken = { ...job("broken", false), event: { ...event, isUnreadable: true, body: "no base64!" } };
  const { results } = await attempt([broken, job("well", false)], destinations, clock);
  expect(results.map(outcomeOf)).toEqual([
    ["broken", "refused"],
    ["well", "delivered"],
  ]);
  expect(destinations.received).toHaveLength(1);
});

it("nothing is begun any more when the time for it is over", async () => {
  const clock = new Clock();
  const destinations = new Destinations(clock);
  destinations.answer("https://well.example.com/", () => {
    clock.set(clock.now() + 6_000);
    return new Response();
  });
  const { results } = await attempt(Array(9).fill(job("well", false)), destinations, clock);
  expect(results).toHaveLength(9);
  expect(results.filter(({ state }) => state === "deferred").length).toBeGreaterThan(0);
  expect(results.filter(({ state }) => state === "attempted").length).toBeGreaterThan(0);
});
