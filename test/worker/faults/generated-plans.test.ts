import * as fc from "fast-check";
import { it } from "vitest";
import { type Door, type Fault, doors, faultKinds } from "./doubles.ts";
import { expectNothingLost } from "./expect-nothing-lost.ts";
import { play } from "./play.ts";

/** Printed with the test's name: `VITE_FAULT_SEED=… npm run suite` plays the same plans again. */
const seed = Number(import.meta.env["VITE_FAULT_SEED"] ?? Date.now() % 1_000_000);

const GENERATED_PLANS = 100;

const mostCalls: Readonly<Record<Door, number>> = { database: 60, events: 12, retries: 12, teams: 30 };

const fault = fc.constantFrom(...doors).chain((door): fc.Arbitrary<Fault> =>
  fc.record({
    door: fc.constant(door),
    call: fc.integer({ min: 1, max: mostCalls[door] }),
    kind: fc.constantFrom(...faultKinds),
  }),
);

const plan = fc.record({ faults: fc.array(fault, { minLength: 2, maxLength: 8 }), losesMessages: fc.boolean() });

it(
  `nothing is lost under ${GENERATED_PLANS} plans of several faults (seed ${seed})`,
  { timeout: 300_000 },
  async () => {
    const undisturbed = await play({ faults: [], losesMessages: false });
    await fc.assert(
      fc.asyncProperty(plan, (one) => expectNothingLost(one, undisturbed)),
      {
        seed,
        numRuns: GENERATED_PLANS,
        interruptAfterTimeLimit: 240_000,
        markInterruptAsFailure: true,
      },
    );
  },
);
