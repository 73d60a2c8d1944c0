import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AfterDrain, type DrainPlan, afterDrain, planDrain } from "../../../src/domain/drain-plan.ts";
import { DRAIN_LEASE_MS } from "../../../src/domain/lease.ts";

const now = 1_000_000;

const healthy = {
  enabled: true,
  isIsolated: false,
  maxPerSecond: null,
  circuitOpenedAt: null,
  nextDrainAt: null,
  heldUntil: null,
};

describe("the plan of a drain", () => {
  it.each([
    ["takes a page from a healthy destination", {}, { kind: "concurrent", limit: 100 }],
    ["takes five from an isolated one", { isIsolated: true }, { kind: "concurrent", limit: 5 }],
    ["takes nothing from a disabled one", { enabled: false }, null],
    ["takes nothing before the next drain may begin", { nextDrainAt: now + 1 }, null],
    ["takes nothing during a hold, not even a probe", { circuitOpenedAt: 1, nextDrainAt: 1, heldUntil: now + 1 }, null],
    ["takes fifty a second after a hold", { heldUntil: now }, { kind: "recovering", limit: 50, gapMs: 1_000 }],
    ["takes nothing from an open circuit before its probe", { circuitOpenedAt: 1, nextDrainAt: now + 1 }, null],
    ["takes one delivery as a probe", { circuitOpenedAt: 1, nextDrainAt: now }, { kind: "probe", limit: 1 }],
    ["takes a second's worth of a rate", { maxPerSecond: 7 }, { kind: "paced", limit: 7, gapMs: 1_000 }],
    ["takes one of a rate below one a second", { maxPerSecond: 0.25 }, { kind: "paced", limit: 1, gapMs: 4_000 }],
    ["takes whole ones of a fractional rate", { maxPerSecond: 2.5 }, { kind: "paced", limit: 2, gapMs: 1_000 }],
    ["takes a page of a rate above that", { maxPerSecond: 1_000 }, { kind: "paced", limit: 100, gapMs: 100 }],
    [
      "takes as many as the rate allows when the circuit has closed",
      { maxPerSecond: 1, nextDrainAt: now },
      { kind: "paced", limit: 1, gapMs: 1_000 },
    ],
    [
      "takes fifty a second when the circuit has closed",
      { nextDrainAt: now },
      { kind: "recovering", limit: 50, gapMs: 1_000 },
    ],
    [
      "takes one delivery as a probe, whatever the rate",
      { circuitOpenedAt: 1, maxPerSecond: 9, nextDrainAt: now },
      { kind: "probe", limit: 1 },
    ],
  ])("%s", (_title, settings, plan) => {
    expect(planDrain({ ...healthy, ...settings }, now)).toEqual(plan);
  });
});

const recovering: DrainPlan = { kind: "recovering", limit: 50, gapMs: 1_000 };
const paced: DrainPlan = { kind: "paced", limit: 7, gapMs: 1_000 };
const concurrent: DrainPlan = { kind: "concurrent", limit: 5 };
const probe: DrainPlan = { kind: "probe", limit: 1 };

const drained = (claimed: number, more: object = {}) => ({
  claimed,
  begun: claimed,
  isFull: false,
  hasDeferred: false,
  nextDueAt: null,
  slowDelayMs: 0,
  ...more,
});

const nothing: AfterDrain = { next: "none" };
const drainAt = (at: number): AfterDrain => ({ next: "schedule", at });
const release = (nextDrainAt: number | null, at: number): AfterDrain => ({
  next: "release_and_schedule",
  nextDrainAt,
  at,
});
const afterTheGap = release(now + 1_000, now + 1_000);

describe("after a drain", () => {
  it.each<[string, DrainPlan, ReturnType<typeof drained>, AfterDrain]>([
    ["that is paced and full, the next begins after the gap", paced, drained(7), afterTheGap],
    ["that is paced and took all there was, too", paced, drained(6), afterTheGap],
    ["that is paced, with more due, too", paced, drained(7, { nextDueAt: now }), afterTheGap],
    [
      "that recovers and is full, the next begins after the gap",
      recovering,
      drained(50, { isFull: true }),
      afterTheGap,
    ],
    [
      "that recovers and is full with deliveries that only ended, too",
      recovering,
      drained(40, { isFull: true }),
      afterTheGap,
    ],
    [
      "that recovers and took all there was, the next may begin at any time",
      recovering,
      drained(49),
      release(null, now),
    ],
    ["that claimed nothing, there is nothing to release", paced, drained(0), nothing],
    ["with more due, the next follows at once", concurrent, drained(5, { nextDueAt: now - 9 }), drainAt(now)],
    [
      "of a slow destination, the next follows after a pause",
      concurrent,
      drained(5, { nextDueAt: 1, slowDelayMs: 700 }),
      drainAt(now + 700),
    ],
    ["what is due later has its own message", concurrent, drained(1, { nextDueAt: now + 1 }), nothing],
    ["what was deferred has its own message", concurrent, drained(5, { hasDeferred: true, nextDueAt: 1 }), nothing],
    ["that made a probe, its outcome decides", probe, drained(1, { nextDueAt: 1 }), nothing],
    ["whose probe was not begun, the probe is made again", probe, drained(1, { begun: 0 }), release(now, now)],
    [
      "of an open circuit with nothing due yet, that has its message",
      probe,
      drained(0, { nextDueAt: now + 1 }),
      nothing,
    ],
  ])("%s", (_title, plan, result, expected) => {
    expect(afterDrain(plan, result, now)).toEqual(expected);
  });

  it("a message brings what is due, and no earlier than the next drain may begin", () => {
    const plan = fc.constantFrom(concurrent, paced, recovering, probe);
    const result = fc.record({
      claimed: fc.nat(60),
      begun: fc.nat(60),
      isFull: fc.boolean(),
      hasDeferred: fc.constant(false),
      nextDueAt: fc.option(fc.integer({ min: now - 100_000, max: now + 100_000 })),
      slowDelayMs: fc.nat(2_000),
    });
    fc.assert(
      fc.property(plan, result, (one, { begun, ...what }) => {
        const after = afterDrain(one, { ...what, begun: Math.min(begun, what.claimed) }, now);
        const isDecidedByProbe = one.kind === "probe" && what.claimed > 0 && begun > 0;
        const at = after.next === "none" ? Infinity : after.at;
        if (what.nextDueAt !== null && what.nextDueAt <= now && !isDecidedByProbe) {
          expect(at).toBeLessThanOrEqual(now + DRAIN_LEASE_MS);
        }
        expect(at).toBeGreaterThanOrEqual(after.next === "release_and_schedule" ? (after.nextDrainAt ?? now) : now);
      }),
    );
  });
});
