import type { Attempt, Delivery } from "./delivery.ts";
import { nextStep } from "./retry-schedule.ts";

/** A delivery as it stands after an attempt. `random` is in [0, 1). */
export function afterAttempt(
  delivery: Delivery,
  attempt: Attempt,
  retryScheduleSeconds: readonly number[] | null,
  { now, random }: { now: number; random: number },
): Delivery {
  const step = nextStep(attempt, retryScheduleSeconds, random);
  return {
    ...delivery,
    attempts: [...delivery.attempts, attempt],
    status: step.status,
    nextAttemptAt: step.status === "pending" ? now + step.delaySeconds * 1000 : null,
  };
}

/** A delivery whose next attempt is put off, not counted. */
export function putOff(delivery: Delivery, until: number): Delivery {
  return { ...delivery, status: "pending", nextAttemptAt: until };
}
