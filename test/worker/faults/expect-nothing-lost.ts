import { expect } from "vitest";
import { type Outcome, type Plan, play } from "./play.ts";

/** Plays a plan, and holds it against the undisturbed day. */
export async function expectNothingLost(plan: Plan, undisturbed: Outcome): Promise<void> {
  const outcome = await play(plan);
  const title = JSON.stringify(plan);
  expect(outcome.faults, title).toEqual([]);
  expect(outcome.state, title).toEqual(undisturbed.state);
  // A fault costs a delay and, where nobody can know whether a team has got it, a repetition.
  expect(outcome.mostRepeats, title).toBeLessThanOrEqual(1 + plan.faults.length);
}
