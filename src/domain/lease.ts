/** How long a message may be on its way before a duplicate or the cron sends another. */
export const MESSAGE_PATIENCE_MS = 30_000;

/** Longer than first attempts and the writes around them take; short, because a dead consumer's events wait for its end. */
const CLAIM_MS = 45_000;

/** What a lease must still have before it for first attempts to begin under it. */
const NEEDED_MS = 20_000;

/**
 * The first attempts at an event are for one consumer at a time, under a lease. The first is that with which the event is
 * recorded: anyone gets the message that its receiver sends has it until the message counts as lost. Unix milliseconds.
 */
export function firstLease(receivedAt: number): number {
  return receivedAt + MESSAGE_PATIENCE_MS;
}

/** The end of a lease that a consumer claims. */
export function claimedLease(now: number): number {
  return now + CLAIM_MS;
}

/** Whether first attempts may begin under a lease; a D1 or a queue that stalled may have used it up. */
export function isLongEnough(leaseUntil: number, now: number): boolean {
  return now <= leaseUntil - NEEDED_MS;
}
