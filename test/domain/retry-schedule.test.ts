import { describe, expect, it } from "vitest";
import type { Outcome } from "../../src/domain/delivery.ts";
import { nextStep, parseRetryAfter } from "../../src/domain/retry-schedule.ts";

const after = (attempt: number, outcome: Outcome = "rejected", retryAfterSeconds: number | null = null) => ({
  attempt,
  outcome,
  retryAfterSeconds,
});

describe("the ladder", () => {
  it("waits 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h, then gives up", () => {
    const steps = Array.from({ length: 10 }, (_, index) => nextStep(after(index + 1), null, 0));
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
    expect(nextStep(after(2), null, 0.999)).toEqual({ status: "pending", delaySeconds: 330 });
    expect(nextStep(after(1), [1], 0.999)).toEqual({ status: "pending", delaySeconds: 1 });
    expect(nextStep(after(9), null, 0.999)).toEqual({ status: "pending", delaySeconds: 86_400 });
  });

  it("gives way to a destination's own", () => {
    expect(nextStep(after(1), [1, 1, 5], 0)).toEqual({ status: "pending", delaySeconds: 1 });
    expect(nextStep(after(3), [1, 1, 5], 0)).toEqual({ status: "pending", delaySeconds: 5 });
    expect(nextStep(after(4), [1, 1, 5], 0)).toEqual({ status: "dead" });
    expect(nextStep(after(1), [], 0)).toEqual({ status: "dead" });
    expect(nextStep(after(1), [0], 0)).toEqual({ status: "pending", delaySeconds: 0 });
  });

  it.each(["rejected", "redirected", "timed_out", "unreachable", "refused"] as const)("goes on after %s", (outcome) => {
    expect(nextStep(after(1, outcome), null, 0)).toEqual({ status: "pending", delaySeconds: 5 });
  });

  it("ends with success and with 410", () => {
    expect(nextStep(after(1, "delivered"), null, 0)).toEqual({ status: "delivered" });
    expect(nextStep(after(1, "gone"), null, 0)).toEqual({ status: "dead" });
  });

  it("is lengthened by Retry-After, capped at a day, and never shortened", () => {
    expect(nextStep(after(1, "rejected", 120), null, 0)).toEqual({ status: "pending", delaySeconds: 120 });
    expect(nextStep(after(1, "rejected", 7.2), null, 0)).toEqual({ status: "pending", delaySeconds: 8 });
    expect(nextStep(after(1, "rejected", 1), null, 0)).toEqual({ status: "pending", delaySeconds: 5 });
    expect(nextStep(after(1, "rejected", 1e9), null, 0)).toEqual({ status: "pending", delaySeconds: 86_400 });
  });
});

describe("Retry-After", () => {
  const now = Date.parse("2026-03-01T12:00:00Z");

  it.each([
    ["120", 120],
    ["0", 0],
    ["Sun, 01 Mar 2026 12:01:30 GMT", 90],
    ["Sun, 01 Mar 2026 11:00:00 GMT", 0],
    ["soon", null],
    ["-5", null],
    ["1.5", null],
    ["", null],
    [null, null],
  ])("of %j is %j seconds", (header, seconds) => {
    expect(parseRetryAfter(header, now)).toBe(seconds);
  });
});
