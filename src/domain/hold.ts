import type { Attempt } from "./delivery.ts";

/** The longest that is honoured, as for a single delivery. */
const LONGEST_ASKED_MS = 86_400_000;

/** A destination that does not say for how long is asked again within a minute, like one whose circuit is open. */
const LONGEST_UNASKED_MS = 60_000;

/** So long after its end a hold is lost. What waited has begun to go out by then, at a bounded pace. */
export const REMEMBERED_HOLD_MS = 60_000;

/** Whether an answer asks for less at the destination as a whole, not only for the delivery that it answers. */
export function asksForLess({ status, retryAfterSeconds }: Pick<Attempt, "status" | "retryAfterSeconds">): boolean {
  return status === 429 || (status === 503 && retryAfterSeconds !== null);
}

/**
 * Until when an attempt that has ended at `now` holds its destination, Unix milliseconds; null: it does not.
 * `nextAttemptAt` is that of its own delivery.
 */
export function holdOf(
  attempt: Pick<Attempt, "status" | "retryAfterSeconds">,
  nextAttemptAt: number | null,
  now: number,
): number | null {
  if (!asksForLess(attempt)) return null;
  const { retryAfterSeconds } = attempt;
  if (retryAfterSeconds === 0) return null;
  if (retryAfterSeconds !== null) return now + Math.min(Math.ceil(retryAfterSeconds * 1000), LONGEST_ASKED_MS);
  return nextAttemptAt === null ? null : Math.min(nextAttemptAt, now + LONGEST_UNASKED_MS);
}
