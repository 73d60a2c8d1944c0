import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { type Door, type Fault, doors, faultKinds } from "./doubles.ts";
import { type Outcome, type Plan, play } from "./play.ts";

/** Printed with the test's name: `VITE_FAULT_SEED=… npm run suite` plays the same plans again. */
const seed = Number(import.meta.env["VITE_FAULT_SEED"] ?? Date.now() % 1_000_000);

const GENERATED_PLANS = 100;

let undisturbed: Outcome;

async function expectNothingLost({ faults, losesMessages }: Plan): Promise<void> {
  const outcome = await play({ faults, losesMessages });
  const title = JSON.stringify({ faults, losesMessages });
  expect(outcome.faults, title).toEqual([]);
  expect(outcome.state, title).toEqual(undisturbed.state);
  // A fault costs a delay and, where nobody can know whether a team has got it, a repetition.
  expect(outcome.mostRepeats, title).toBeLessThanOrEqual(1 + faults.length);
}

beforeAll(async () => {
  undisturbed = await play({ faults: [], losesMessages: false });
});

describe("whatever becomes of one call, all that is acknowledged is delivered or dead, and the state is right", () => {
  it("when nothing is wrong", () => {
    expect(undisturbed.faults).toEqual([]);
    expect(undisturbed.mostRepeats).toBe(1);
    expect(undisturbed.state).toHaveLength(4);
    // There are calls at each door for the plans to disturb.
    expect(Math.min(...Object.values(undisturbed.calls))).toBeGreaterThan(3);
    expect(undisturbed.calls.database).toBeGreaterThan(20);
  });

  const each = doors.flatMap((door) => faultKinds.map((kind) => ({ door, kind })));

  it.each(each)("when a call of $door $kind, at every call", { timeout: 120_000 }, async ({ door, kind }) => {
    for (let call = 1; call <= undisturbed.calls[door]; call += 1) {
      await expectNothingLost({ faults: [{ door, call, kind }], losesMessages: call % 2 === 1 });
    }
  });
});

const mostCalls: Readonly<Record<Door, number>> = { database: 60, events: 12, retries: 12, teams: 30 };

const fault = fc.constantFrom(...doors).chain((door): fc.Arbitrary<Fault> =>
  fc.record({
    door: fc.constant(door),
    call: fc.integer({ min: 1, max: mostCalls[door] }),
    kind: fc.constantFrom(...faultKinds),
  }),
);

const plan = fc.record({ faults: fc.array(fault, { minLength: 2, maxLength: 8 }), losesMessages: fc.boolean() });

it(`nor do ${GENERATED_PLANS} plans of several faults (seed ${seed})`, { timeout: 300_000 }, async () => {
  await fc.assert(fc.asyncProperty(plan, expectNothingLost), {
    seed,
    numRuns: GENERATED_PLANS,
    interruptAfterTimeLimit: 240_000,
    markInterruptAsFailure: true,
  });
});
