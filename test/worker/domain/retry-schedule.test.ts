import { describe, expect, it } from "vitest";
import type { Outcome } from "../../../src/domain/delivery.ts";
import { lifetimeSeconds, nextStep } from "../../../src/domain/retry-schedule.ts";

/** What follows the n-th attempt of a retry schedule. */
function after(
  attempt: number,
  outcome: Outcome = "rejected",
  {
    retryAfterSeconds = null,
    schedule = null,
    random = 0,
  }: { retryAfterSeconds?: number | null; schedule?: readonly number[] | null; random?: number } = {},
) {
  return nextStep({ outcome, retryAfterSeconds }, { step: attempt - 1, schedule, random });
}

describe("the retry schedule", () => {
  it("waits 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h, then ends as dead", () => {
    const steps = Array.from({ length: 10 }, (_, index) => after(index + 1));
    expect(steps.map((step) => ("delaySeconds" in step ? step.delaySeconds : step.status))).toEqual([
      5,
      300,
      1_800,
      2 * 3_600,
      5 * 3_600,
      10 * 3_600,
      14 * 3_600,
      20 * 3_600,
      24 * 3_600,
      "dead",
    ]);
  });

  it("spreads a wait by at most a tenth, and never beyond a day", () => {
    expect(after(2, "rejected", { random: 0.999 })).toEqual({ status: "pending", delaySeconds: 330 });
    expect(after(1, "rejected", { schedule: [1], random: 0.999 })).toEqual({ status: "pending", delaySeconds: 1 });
    expect(after(9, "rejected", { random: 0.999 })).toEqual({ status: "pending", delaySeconds: 86_400 });
  });

  it("gives way to a destination's own", () => {
    expect(after(1, "rejected", { schedule: [1, 1, 5] })).toEqual({ status: "pending", delaySeconds: 1 });
    expect(after(3, "rejected", { schedule: [1, 1, 5] })).toEqual({ status: "pending", delaySeconds: 5 });
    expect(after(4, "rejected", { schedule: [1, 1, 5] })).toEqual({ status: "dead" });
    expect(after(1, "rejected", { schedule: [] })).toEqual({ status: "dead" });
    expect(after(1, "rejected", { schedule: [0] })).toEqual({ status: "pending", delaySeconds: 0 });
  });

  it.each(["rejected", "redirected", "timed_out", "unreachable", "refused"] as const)("goes on after %s", (outcome) => {
    expect(after(1, outcome)).toEqual({ status: "pending", delaySeconds: 5 });
  });

  it("ends with success and with 410", () => {
    expect(after(1, "delivered")).toEqual({ status: "delivered" });
    expect(after(1, "gone")).toEqual({ status: "dead" });
  });

  it("is lengthened by Retry-After, capped at a day, and never shortened", () => {
    expect(after(1, "rejected", { retryAfterSeconds: 120 })).toEqual({ status: "pending", delaySeconds: 120 });
    expect(after(1, "rejected", { retryAfterSeconds: 7.2 })).toEqual({ status: "pending", delaySeconds: 8 });
    expect(after(1, "rejected", { retryAfterSeconds: 1 })).toEqual({ status: "pending", delaySeconds: 5 });
    expect(after(1, "rejected", { retryAfterSeconds: 1e9 })).toEqual({ status: "pending", delaySeconds: 86_400 });
  });
});

it.each([
  ["its retry schedule's length by default", null, 272105],
  ["three days for a short retry schedule", [1, 1], 259_200],
  ["three days without a retry schedule", [], 259_200],
  ["its own retry schedule's length when that is longer", [86_400, 86_400, 86_400, 86_400], 345_600],
])("a delivery stays pending behind an open circuit for %s", (_title, schedule, seconds) => {
  expect(lifetimeSeconds(schedule)).toBe(seconds);
});
