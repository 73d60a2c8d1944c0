import type { Attempt } from "./delivery.ts";
import { MAX_DELAY_SECONDS } from "./retry-after.ts";

/** A hold: a destination that answered 429, or 503 with Retry-After, gets no attempt until a time. */

/** The longest hold of a destination that does not say how long. */
const MAX_UNASKED_MS = 60_000;

/** A hold stays noted for so long after its end: meanwhile what has waited goes out at a bounded rate. */
export const REMEMBERED_HOLD_MS = 60_000;

/** Whether nothing is attempted at a destination, because it asked for fewer requests. */
export function isOnHold({ heldUntil }: { readonly heldUntil: number | null }, now: number): boolean {
  return heldUntil !== null && now < heldUntil;
}

/** Whether an answer asks for fewer requests of any delivery, not only for a later retry of its own. */
export function asksForLess({ status, retryAfterSeconds }: Pick<Attempt, "status" | "retryAfterSeconds">): boolean {
  return status === 429 || (status === 503 && retryAfterSeconds !== null);
}

/**
 * Until when an attempt that ended at `now` holds its destination, Unix milliseconds; null: not at all. `nextAttemptAt` is
 * that of its own delivery.
 */
export function holdOf(
  attempt: Pick<Attempt, "status" | "retryAfterSeconds">,
  nextAttemptAt: number | null,
  now: number,
): number | null {
  if (!asksForLess(attempt)) return null;
  const { retryAfterSeconds } = attempt;
  if (retryAfterSeconds === 0) return null;
  if (retryAfterSeconds !== null) return now + Math.ceil(Math.min(retryAfterSeconds, MAX_DELAY_SECONDS) * 1000);
  return nextAttemptAt === null ? null : Math.min(nextAttemptAt, now + MAX_UNASKED_MS);
}
