import type { Delivery } from "../domain/delivery.ts";
import { afterAttempt, defer } from "../domain/delivery-progress.ts";
import { slowDelayMs } from "../domain/destination.ts";
import { holdOf } from "../domain/hold.ts";
import { lateAttemptLease } from "../domain/lease.ts";
import { isOperational } from "../domain/operational-event.ts";
import type { World } from "../platform/world.ts";
import type { AttemptedJob, DeferredJob, Job } from "./attempt-all.ts";
import type { DrainRequest } from "./drain-messages.ts";

/** What follows from the results of a batch. */
export interface NextState {
  readonly deliveries: readonly Delivery[];
  /** The end of the longest hold that each destination asked for, by its id, Unix milliseconds. */
  readonly holds: ReadonlyMap<string, number>;
  /** Ids of the destinations of which a delivery is dead. That of an operational event makes no other such event. */
  readonly withDead: ReadonlySet<string>;
  /** One for each pending delivery at its own time, and one at the end of each hold for all that the hold defers. */
  readonly drains: readonly DrainRequest[];
}

/** A hold's own message drains what it deferred. If the hold ends sooner, it may arrive before the delivery is written. */
const HOLD_ENDS_SOON_MS = 10_000;

export function nextState(
  attempted: readonly AttemptedJob[],
  deferred: readonly DeferredJob[],
  { now, random }: { readonly now: number; readonly random: World["random"] },
): NextState {
  const deliveries: Delivery[] = [];
  const holds = new Map<string, number>();
  const withDead = new Set<string>();
  const drains: DrainRequest[] = [];
  for (const { delivery, attempt, destination } of attempted) {
    const after = afterAttempt(delivery, attempt, destination.retryScheduleSeconds, { now, random: random() });
    const heldUntil = holdOf(attempt, after.nextAttemptAt, now);
    deliveries.push(after);
    if (after.status === "dead" && !isOperational({ id: after.eventId })) withDead.add(destination.id);
    if (after.nextAttemptAt !== null) drains.push({ destinationId: destination.id, at: after.nextAttemptAt });
    if (heldUntil !== null) holds.set(destination.id, Math.max(heldUntil, holds.get(destination.id) ?? 0));
  }
  for (const { delivery, destination, isDestinationStopped } of deferred) {
    const delayMs = isDestinationStopped ? slowDelayMs(destination) : 0;
    const staysOnHold = holds.has(destination.id) || (destination.heldUntil ?? 0) > now + HOLD_ENDS_SOON_MS;
    deliveries.push(defer(delivery, now));
    // Also behind an open circuit: the next probe may come before this is written, find nothing due, and send no message.
    if (!staysOnHold) drains.push({ destinationId: destination.id, at: now + delayMs });
  }
  for (const [destinationId, at] of holds) drains.push({ destinationId, at });
  return { deliveries, holds, withDead, drains };
}

/** The delivery as it is written while its late attempt is in flight. Nothing if a drain's claim covers that time already. */
export function pendingWhileLate({ delivery }: Job, now: number): Delivery[] {
  const leaseUntil = lateAttemptLease(now);
  return (delivery.nextAttemptAt ?? now) >= leaseUntil ? [] : [defer(delivery, leaseUntil)];
}
