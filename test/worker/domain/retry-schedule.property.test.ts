import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Attempt, Delivery, Outcome } from "../../../src/domain/delivery.ts";
import { afterAttempt } from "../../../src/domain/delivery-progress.ts";

const DAY_SECONDS = 86_400;

const schedule = fc.array(fc.integer({ min: 0, max: DAY_SECONDS }), { maxLength: 50 });
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const retryAfterSeconds = fc.option(fc.double({ min: 0, max: 3 * DAY_SECONDS, noNaN: true }), { freq: 3 });

const first: Delivery = {
  destinationId: "dst_1",
  eventId: "e1",
  receivedAt: 0,
  status: "pending",
  attempts: [],
  step: 0,
  nextAttemptAt: 0,
};

function attempt(number: number, outcome: Outcome, asked: number | null): Attempt {
  return {
    attempt: number,
    at: 0,
    outcome,
    status: null,
    durationMs: 1,
    responseExcerpt: null,
    retryAfterSeconds: asked,
  };
}

describe("whatever its retry schedule and its answers", () => {
  it("a delivery that always fails is attempted once more than its retry schedule has waits, and is then dead", () => {
    fc.assert(
      fc.property(schedule, random, (waits, chance) => {
        let delivery = first;
        let attempts = 0;
        while (delivery.status === "pending" && attempts < 100) {
          attempts += 1;
          delivery = afterAttempt(delivery, attempt(attempts, "rejected", null), waits, { now: 0, random: chance });
        }
        expect(delivery.status).toBe("dead");
        expect(attempts).toBe(waits.length + 1);
      }),
    );
  });

  it("each wait is at least what the retry schedule and the answer say, a tenth more at most, and never beyond a day", () => {
    fc.assert(
      fc.property(schedule, fc.nat(49), retryAfterSeconds, random, (waits, step, asked, chance) => {
        const delivery = { ...first, step };
        const after = afterAttempt(delivery, attempt(1, "rejected", asked), waits, { now: 0, random: chance });
        const wait = waits[step];
        expect(after.status).toBe(wait === undefined ? "dead" : "pending");
        if (wait === undefined) return;
        const seconds = (after.nextAttemptAt ?? Number.NaN) / 1000;
        expect(seconds).toBeGreaterThanOrEqual(Math.min(Math.max(wait, asked ?? 0), DAY_SECONDS));
        expect(seconds).toBeLessThanOrEqual(
          Math.min(Math.max(Math.round(wait * 1.1), Math.ceil(asked ?? 0)), DAY_SECONDS),
        );
        expect(after.step).toBe(step + 1);
      }),
    );
  });

  it("success ends it, and nothing makes dead afterwards what the destination has", () => {
    const outcomes = fc.array(fc.constantFrom<Outcome>("rejected", "timed_out", "delivered", "gone"), {
      maxLength: 80,
    });
    fc.assert(
      fc.property(outcomes, schedule, (all, waits) => {
        let delivery = first;
        for (const [index, outcome] of all.entries()) {
          // As a replay makes it pending again.
          delivery = { ...delivery, status: "pending", step: 0 };
          delivery = afterAttempt(delivery, attempt(index + 1, outcome, null), waits, { now: 0, random: 0 });
          const remembered = delivery.attempts.some((one) => one.outcome === "delivered");
          if (remembered) expect(delivery.status).not.toBe("dead");
          expect(delivery.attempts.length).toBeLessThanOrEqual(60);
        }
      }),
    );
  });
});
