import { beforeAll, describe, expect, it } from "vitest";
import { type Fault, faultKinds } from "./doubles.ts";
import { type Outcome, play } from "./play.ts";

/** What the simulation plays by the thousand (test/simulation), a few times in the runtime itself, with D1 itself. */
const faults: readonly Fault[] = [
  ...faultKinds.map((kind, index): Fault => ({ door: "database", call: 3 * index + 2, kind })),
  { door: "events", call: 1, kind: "dies" },
  { door: "events", call: 2, kind: "lies" },
  { door: "retries", call: 1, kind: "fails" },
  { door: "retries", call: 2, kind: "dies_done" },
  { door: "destinations", call: 2, kind: "dies_done" },
  { door: "destinations", call: 3, kind: "lies" },
];

let undisturbed: Outcome;

beforeAll(async () => {
  undisturbed = await play({ faults: [], losesMessages: false });
});

describe("whatever becomes of one call, all that is acknowledged is delivered or dead, and the state is right", () => {
  it("when nothing is wrong", () => {
    expect(undisturbed.faults).toEqual([]);
    expect(undisturbed.mostRepeats).toBe(1);
    expect(undisturbed.state).toHaveLength(4);
  });

  it.each(faults)("when call $call at the door $door: $kind", async (fault) => {
    const outcome = await play({ faults: [fault], losesMessages: fault.call % 2 === 1 });
    expect(outcome.calls[fault.door]).toBeGreaterThanOrEqual(fault.call);
    expect(outcome.faults).toEqual([]);
    expect(outcome.state).toEqual(undisturbed.state);
    // A fault costs a delay and, where nobody can know whether a destination has got it, a repetition.
    expect(outcome.mostRepeats).toBeLessThanOrEqual(2);
  });
});
