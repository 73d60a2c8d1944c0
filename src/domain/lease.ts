/**
 * A lease keeps work with one consumer until an instant, in Unix milliseconds. It is short, because the work of a consumer
 * that died waits for its end, and longer than the work takes.
 */

/** How long a message may take to be handled before a duplicate or the cron sends another. */
export const MESSAGE_TIMEOUT_MS = 30_000;

const FAN_OUT_LEASE_MS = 45_000;
/** A first lease (30 s) leaves 10 s for the message to arrive. Later than that, the event is claimed. */
const FAN_OUT_NEEDS_MS = 20_000;

/** A drain's lease on the deliveries that it claims and, if no other may drain meanwhile, on its destination. */
export const DRAIN_LEASE_MS = 60_000;
/** Its attempts begin within 5 s and take up to 30 s; then they are written. */
const DRAIN_NEEDS_MS = 50_000;

const LATE_ATTEMPT_LEASE_MS = 45_000;

/** An event is recorded with this lease: the consumer of the message that its receiver sends needs no claim of its own. */
export function firstLease(receivedAt: number): number {
  return receivedAt + MESSAGE_TIMEOUT_MS;
}

/** The lease with which a fan-out claims events. */
export function fanOutLease(now: number): number {
  return now + FAN_OUT_LEASE_MS;
}

/** Whether a lease leaves the time for first attempts; a D1 or a queue that stalled may have used it up. */
export function isEnoughForFanOut(leaseUntil: number, now: number): boolean {
  return now <= leaseUntil - FAN_OUT_NEEDS_MS;
}

export function drainLease(now: number): number {
  return now + DRAIN_LEASE_MS;
}

/** Whether a lease leaves the time for a drain's attempts. */
export function isEnoughForDrain(leaseUntil: number, now: number): boolean {
  return now <= leaseUntil - DRAIN_NEEDS_MS;
}

/** A late attempt has ended by then, or its consumer has died: then the delivery is due again. */
export function lateAttemptLease(now: number): number {
  return now + LATE_ATTEMPT_LEASE_MS;
}
