import type { Attempt, Delivery } from "./delivery.ts";
import type { Destination } from "./destination.ts";
import { nextStep } from "./retry-schedule.ts";

/** A ladder has 51 at most; what replays and probes add beyond pushes the oldest out. */
const MAX_ATTEMPTS_KEPT = 60;

/**
 * A delivery as it stands after an attempt at a destination as that was before. A failed probe uses no wait of the retry
 * schedule: the delivery goes to the end of the line, so that none can block the others. `random` is in [0, 1).
 */
export function afterAttempt(
  delivery: Delivery,
  attempt: Attempt,
  { retryScheduleSeconds, restingSince }: Pick<Destination, "retryScheduleSeconds" | "restingSince">,
  { now, random }: { now: number; random: number },
): Delivery {
  const attempts = [...delivery.attempts, attempt].slice(-MAX_ATTEMPTS_KEPT);
  const isProbe = restingSince !== null;
  const next = nextStep(attempt, { step: delivery.step, schedule: isProbe ? "probing" : retryScheduleSeconds, random });
  if (next.status !== "pending") return { ...delivery, attempts, status: next.status, nextAttemptAt: null };
  return {
    ...delivery,
    attempts,
    step: isProbe ? delivery.step : delivery.step + 1,
    status: "pending",
    nextAttemptAt: now + next.delaySeconds * 1000,
  };
}

/** A delivery whose next attempt is put off, not counted. */
export function putOff(delivery: Delivery, until: number): Delivery {
  return { ...delivery, status: "pending", nextAttemptAt: until };
}
