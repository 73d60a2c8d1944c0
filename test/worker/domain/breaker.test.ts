import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Breaker,
  type CircuitChange,
  countAttempt,
  judgeCircuit,
  newBreaker,
} from "../../../src/domain/breaker.ts";

const now = 10_000_000;
const chance = { now, random: 0, maxPerSecond: null };

const failed = { retryAfterSeconds: null };

const closed = (consecutiveFailures: number, failingSeconds: number, consecutiveTimeouts = 0): Breaker => ({
  consecutiveFailures,
  consecutiveTimeouts,
  failingSince: now - failingSeconds * 1000,
  circuitOpenedAt: null,
  failedProbes: 0,
});

const open = (failedProbes: number, consecutiveFailures = 10): Breaker => ({
  consecutiveFailures,
  consecutiveTimeouts: 0,
  failingSince: now - 60_000,
  circuitOpenedAt: now - 30_000,
  failedProbes,
});

describe("a closed circuit", () => {
  it.each([
    ["9 failures in an hour", closed(9, 3_600)],
    ["1,000 failures in 59 seconds", closed(1_000, 59)],
    ["4 time-outs in an hour", closed(4, 3_600, 4)],
    ["5 time-outs in 19 seconds", closed(5, 19, 5)],
    ["success", newBreaker],
  ])("stays closed after %s", (_title, breaker) => {
    expect(judgeCircuit(breaker, null, chance)).toBeNull();
  });

  it.each([
    ["10 failures in 60 seconds", closed(10, 60)],
    ["5 time-outs in 20 seconds", closed(5, 20, 5)],
    ["5 time-outs in 20 seconds behind other failures", closed(8, 20, 5)],
  ])("opens after %s, for five seconds at first", (_title, breaker) => {
    expect(judgeCircuit(breaker, null, chance)).toEqual({
      circuitOpenedAt: now,
      failedProbes: 0,
      nextDrainAt: now + 5_000,
    });
  });
});

describe("an open circuit", () => {
  it.each([
    [0, 10],
    [1, 20],
    [2, 40],
    [3, 60],
    [4, 60],
    [9_999, 60],
  ])("after %i failed probes and another is probed after %i seconds", (failedProbes, seconds) => {
    expect(judgeCircuit(open(failedProbes), failed, chance)).toEqual({
      circuitOpenedAt: now - 30_000,
      failedProbes: failedProbes + 1,
      nextDrainAt: now + seconds * 1000,
    });
  });

  it("waits as long as the answer asked, for a day at most", () => {
    const asked = (retryAfterSeconds: number) => judgeCircuit(open(0), { retryAfterSeconds }, chance)?.nextDrainAt;
    expect(asked(3_600)).toBe(now + 3_600_000);
    expect(asked(1)).toBe(now + 10_000);
    expect(asked(1e9)).toBe(now + 86_400_000);
  });

  it("closes on success", () => {
    expect(judgeCircuit(open(7, 0), null, chance)).toEqual({
      circuitOpenedAt: null,
      failedProbes: 0,
      nextDrainAt: now,
    });
  });

  it.each([
    [9, 1_000],
    [0.25, 4_000],
  ])("closes on success, and counts the probe in a rate of %f a second", (maxPerSecond, gapMs) => {
    expect(judgeCircuit(open(7, 0), null, { ...chance, maxPerSecond })?.nextDrainAt).toBe(now + gapMs);
  });

  it("ignores failures of attempts that began before it opened", () => {
    expect(judgeCircuit(open(2, 25), null, chance)).toBeNull();
  });
});

/** Plays a destination that is down for some time, to which an attempt is made whenever the circuit allows it. */
function play({ downMs, everyMs, random }: { downMs: number; everyMs: number; random: number }) {
  let breaker = newBreaker;
  let mayAt = 0;
  const attempts: { at: number; wasCircuitOpen: boolean }[] = [];
  for (let at = 0; at <= downMs + 120_000; at += everyMs) {
    if (breaker.circuitOpenedAt !== null && at < mayAt) continue;
    attempts.push({ at, wasCircuitOpen: breaker.circuitOpenedAt !== null });
    const isUp = at >= downMs;
    breaker = countAttempt(breaker, { outcome: isUp ? "delivered" : "rejected", at });
    const probe = !isUp && breaker.circuitOpenedAt !== null ? failed : null;
    const change: CircuitChange | null = judgeCircuit(breaker, probe, { now: at, random, maxPerSecond: null });
    if (change === null) continue;
    mayAt = change.nextDrainAt;
    breaker = { ...breaker, ...change };
  }
  return { attempts, breaker };
}

describe("whatever happens", () => {
  const course = fc.record({
    downMs: fc.integer({ min: 0, max: 4 * 3_600_000 }),
    everyMs: fc.integer({ min: 50, max: 20_000 }),
    random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  });

  it("a destination that is back gets an attempt within about a minute, however long it was down", () => {
    fc.assert(
      fc.property(course, (given) => {
        const { attempts, breaker } = play(given);
        const found = attempts.find(({ at }) => at >= given.downMs);
        expect(found?.at).toBeLessThanOrEqual(given.downMs + 66_000 + given.everyMs);
        expect(breaker.circuitOpenedAt).toBeNull();
      }),
    );
  });

  it("a destination that is down gets about one attempt a minute after two minutes", () => {
    fc.assert(
      fc.property(course, (given) => {
        const later = play(given).attempts.filter(({ at }) => at > 120_000 + 10 * given.everyMs && at < given.downMs);
        const minutes = given.downMs / 60_000;
        expect(later.length).toBeLessThanOrEqual(minutes + 10);
        expect(later.every(({ wasCircuitOpen }) => wasCircuitOpen)).toBe(true);
      }),
    );
  });
});
