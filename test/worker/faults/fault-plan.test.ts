import { beforeAll, describe, expect, it } from "vitest";
import { doors, faultKinds } from "./doubles.ts";
import { expectNothingLost } from "./expect-nothing-lost.ts";
import { type Outcome, play } from "./play.ts";

let undisturbed: Outcome;

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
      await expectNothingLost({ faults: [{ door, call, kind }], losesMessages: call % 2 === 1 }, undisturbed);
    }
  });
});
