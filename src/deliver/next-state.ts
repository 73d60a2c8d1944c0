import type { Delivery } from "../domain/delivery.ts";
import { afterAttempt, defer } from "../domain/delivery-progress.ts";
import { slowPauseMs } from "../domain/destination.ts";
import { holdOf } from "../domain/hold.ts";
import { lateAttemptLease } from "../domain/lease.ts";
import type { Job, JobResult } from "./attempt-all.ts";
import type { DrainRequest } from "./drain-messages.ts";

/** A delivery after its job, and what follows from it. */
export interface NextState {
  readonly delivery: Delivery;
  readonly isDeferred: boolean;
  /** When to drain its destination, Unix milliseconds. Null if it has ended, or if the drain after the hold covers it. */
  readonly drainAt: number | null;
  /** The hold that its destination asked for, Unix milliseconds; null: none. */
  readonly heldUntil: number | null;
}

/** The drain message of a hold that ends sooner may arrive before the delivery is written, and miss it. */
const HOLD_ENDS_SOON_MS = 10_000;

export function nextStateOf(result: JobResult, { now, random }: { now: number; random: number }): NextState {
  const { delivery, destination } = result.job;
  if (result.attempt === null) {
    const staysOnHold = (destination.heldUntil ?? 0) > now + HOLD_ENDS_SOON_MS;
    const pauseMs = result.isDestinationSlow ? slowPauseMs(destination) : 0;
    return {
      delivery: defer(delivery, now),
      isDeferred: true,
      drainAt: staysOnHold ? null : now + pauseMs,
      heldUntil: null,
    };
  }
  const after = afterAttempt(delivery, result.attempt, destination.retryScheduleSeconds, { now, random });
  return {
    delivery: after,
    isDeferred: false,
    drainAt: after.nextAttemptAt,
    heldUntil: holdOf(result.attempt, after.nextAttemptAt, now),
  };
}

/** The delivery as it is written while its late attempt is in flight. Nothing if a drain's claim covers that time already. */
export function pendingWhileLate({ delivery }: Job, now: number): Delivery[] {
  const leaseUntil = lateAttemptLease(now);
  return (delivery.nextAttemptAt ?? now) >= leaseUntil ? [] : [defer(delivery, leaseUntil)];
}

/** The end of each destination's hold, by its id. The longest hold counts. */
export function holdsOf(nextStates: readonly NextState[]): ReadonlyMap<string, number> {
  const holds = new Map<string, number>();
  for (const { delivery, heldUntil } of nextStates) {
    if (heldUntil === null) continue;
    holds.set(delivery.destinationId, Math.max(heldUntil, holds.get(delivery.destinationId) ?? 0));
  }
  return holds;
}

/** One drain for each pending delivery at its own time, and one at the end of each hold for all that the hold deferred. */
export function drainsAfter(nextStates: readonly NextState[], holds: ReadonlyMap<string, number>): DrainRequest[] {
  const ofDeliveries = nextStates.flatMap(({ delivery, isDeferred, drainAt }): DrainRequest[] => {
    const { destinationId } = delivery;
    if (drainAt === null || (isDeferred && holds.has(destinationId))) return [];
    return [{ destinationId, at: drainAt }];
  });
  return [...ofDeliveries, ...[...holds].map(([destinationId, at]) => ({ destinationId, at }))];
}
