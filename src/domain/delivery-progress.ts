import type { Attempt, Delivery } from "./delivery.ts";
import { nextStep } from "./retry-schedule.ts";

/** A retry schedule has 51 at most. With more, by replays, the oldest are dropped. */
const MAX_ATTEMPTS_KEPT = 60;

/**
 * A delivery as it stands after an attempt. A delivery that has succeeded once does not become dead by a replay that fails.
 * `random` is in [0, 1).
 */
export function afterAttempt(
  delivery: Delivery,
  attempt: Attempt,
  schedule: readonly number[] | null,
  { now, random }: { now: number; random: number },
): Delivery {
  const attempts = [...delivery.attempts, attempt].slice(-MAX_ATTEMPTS_KEPT);
  const next = nextStep(attempt, { step: delivery.step, schedule, random });
  if (next.status === "pending") {
    const nextAttemptAt = now + next.delaySeconds * 1000;
    return { ...delivery, attempts, step: delivery.step + 1, status: "pending", nextAttemptAt };
  }
  const hasSucceeded = attempts.some(({ outcome }) => outcome === "delivered");
  return { ...delivery, attempts, status: hasSucceeded ? "delivered" : "dead", nextAttemptAt: null };
}

/** A delivery whose next attempt is deferred, not counted. */
export function defer(delivery: Delivery, until: number): Delivery {
  return { ...delivery, status: "pending", nextAttemptAt: until };
}
