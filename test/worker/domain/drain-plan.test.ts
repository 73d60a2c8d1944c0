import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LEASE_MS, type DrainPlan, afterDrain, planDrain } from "../../../src/domain/drain-plan.ts";

const now = 1_000_000;

const well = {
  enabled: true,
  isIsolated: false,
  maxPerSecond: null,
  circuitOpenedAt: null,
  nextDrainAt: null,
  heldUntil: null,
};

describe("a drain of the lane", () => {
  it.each([
    ["takes a page from one that is well", {}, { kind: "free", limit: 100 }],
    ["takes five from one that keeps failing or was slow", { isIsolated: true }, { kind: "free", limit: 5 }],
    ["takes nothing from one that is disabled", { enabled: false }, null],
    ["takes nothing before its plan", { nextDrainAt: now + 1 }, null],
    [
      "takes nothing from one that asked for less, not even a probe",
      { circuitOpenedAt: 1, nextDrainAt: 1, heldUntil: now + 1 },
      null,
    ],
    [
      "takes some a second from one whose hold is over",
      { heldUntil: now },
      { kind: "recovering", limit: 50, gapMs: 1_000 },
    ],
    ["takes nothing from one that rests", { circuitOpenedAt: 1, nextDrainAt: now + 1 }, null],
    ["takes a single one once the rest is over", { circuitOpenedAt: 1, nextDrainAt: now }, { kind: "probe", limit: 1 }],
    ["takes a second's worth from one that is paced", { maxPerSecond: 7 }, { kind: "paced", limit: 7, gapMs: 1_000 }],
    [
      "takes one from one that is paced below one a second",
      { maxPerSecond: 0.25 },
      { kind: "paced", limit: 1, gapMs: 4_000 },
    ],
    ["takes whole ones", { maxPerSecond: 2.5 }, { kind: "paced", limit: 2, gapMs: 1_000 }],
    [
      "takes a page from one that is paced above that",
      { maxPerSecond: 1_000 },
      { kind: "paced", limit: 100, gapMs: 100 },
    ],
    [
      "takes as many as the pace allows when it has come back",
      { maxPerSecond: 1, nextDrainAt: now },
      { kind: "paced", limit: 1, gapMs: 1_000 },
    ],
    [
      "takes fifty a second from one that has come back",
      { nextDrainAt: now },
      { kind: "recovering", limit: 50, gapMs: 1_000 },
    ],
    [
      "probes one that rests, whatever its pace",
      { circuitOpenedAt: 1, maxPerSecond: 9, nextDrainAt: now },
      { kind: "probe", limit: 1 },
    ],
  ])("%s", (_title, settings, plan) => {
    expect(planDrain({ ...well, ...settings }, now)).toEqual(plan);
  });
});

const recovering: DrainPlan = { kind: "recovering", limit: 50, gapMs: 1_000 };
const paced: DrainPlan = { kind: "paced", limit: 7, gapMs: 1_000 };
const free: DrainPlan = { kind: "free", limit: 5 };
const probe: DrainPlan = { kind: "probe", limit: 1 };

const drained = (claimed: number, more: object = {}) => ({
  claimed,
  begun: claimed,
  isFull: false,
  hasPutOff: false,
  nextDueAt: null,
  restMs: 0,
  ...more,
});

describe("after a drain", () => {
  it.each([
    ["a full one of a pace, the next begins when the gap is over", paced, drained(7), true, now + 1_000, now + 1_000],
    ["one of a pace that took all there was, too", paced, drained(6), true, now + 1_000, now + 1_000],
    [
      "a full one of a recovery, the next begins when the gap is over",
      recovering,
      drained(50, { isFull: true }),
      true,
      now + 1_000,
      now + 1_000,
    ],
    [
      "a full one of a recovery of which some had only to be ended, too",
      recovering,
      drained(40, { isFull: true }),
      true,
      now + 1_000,
      now + 1_000,
    ],
    ["one of a recovery that took all there was, nobody waits for turns", recovering, drained(49), true, null, now],
    ["that claimed nothing, there is no turn to end", paced, drained(0), false, null, null],
    ["with more due, the next follows at once", free, drained(5, { nextDueAt: now - 9 }), false, null, now],
    ["with more due, the next turn follows", paced, drained(7, { nextDueAt: now }), true, now + 1_000, now + 1_000],
    ["to one that is slow, it gets its rest", free, drained(5, { nextDueAt: 1, restMs: 700 }), false, null, now + 700],
    ["what is due later has its own message", free, drained(1, { nextDueAt: now + 1 }), false, null, null],
    ["what was put off has one as well", free, drained(5, { hasPutOff: true, nextDueAt: 1 }), false, null, null],
    ["that probed, what came of it decides", probe, drained(1, { nextDueAt: 1 }), false, null, null],
    ["whose probe could not be begun, the probe is made again", probe, drained(1, { begun: 0 }), true, now, now],
    [
      "of one that rests with nothing due yet, that has its own",
      probe,
      drained(0, { nextDueAt: now + 1 }),
      false,
      null,
      null,
    ],
  ])("%s", (_title, plan, what, endsDrain, nextDrainAt, drainAt) => {
    expect(afterDrain(plan, what, now)).toEqual({ endsDrain, nextDrainAt, drainAt });
  });

  it("something brings on whatever is due, and no earlier than it may be", () => {
    const plan = fc.constantFrom(free, paced, recovering, probe);
    const drain = fc.record({
      claimed: fc.nat(60),
      begun: fc.nat(60),
      isFull: fc.boolean(),
      hasPutOff: fc.constant(false),
      nextDueAt: fc.option(fc.integer({ min: now - 100_000, max: now + 100_000 })),
      restMs: fc.nat(2_000),
    });
    fc.assert(
      fc.property(plan, drain, (one, { begun, ...what }) => {
        const after = afterDrain(one, { ...what, begun: Math.min(begun, what.claimed) }, now);
        const isDecidedByProbe = one.kind === "probe" && what.claimed > 0 && begun > 0;
        if (what.nextDueAt !== null && what.nextDueAt <= now && !isDecidedByProbe) {
          expect(after.drainAt).toBeLessThanOrEqual(now + LEASE_MS);
        }
        expect(after.drainAt ?? Infinity).toBeGreaterThanOrEqual(after.nextDrainAt ?? now);
      }),
    );
  });
});
