import { type Attempt, type Delivery, nextAttemptNumber } from "../domain/delivery.ts";
import type { Destination } from "../domain/destination.ts";
import { asksForLess } from "../domain/hold.ts";
import type { RelayEvent } from "../domain/event.ts";
import { NoRequestLeft, type Posting, post } from "../outbound/post.ts";
import { logFailure } from "../platform/log.ts";
import { withTimeout } from "../platform/timeout.ts";
import { FairShare } from "./fair-share.ts";

/** A delivery whose next attempt is to be made. */
export interface Job {
  readonly event: RelayEvent;
  readonly destination: Destination;
  readonly delivery: Delivery;
}

/** A job's attempt. Null: it is put off, for want of time or requests, or because its destination is slow. */
export type JobResult = { readonly job: Job } & (
  { readonly attempt: Attempt } | { readonly attempt: null; readonly isDestinationSlow: boolean }
);

/** An attempt that nobody waits for any longer. */
export interface LateAttempt {
  readonly job: Job;
  readonly result: Promise<JobResult>;
}

export interface Attempted {
  readonly results: readonly JobResult[];
  readonly late: readonly LateAttempt[];
}

/** An invocation may wait for six answers at once; a seventh call would queue while its timeout already runs. */
const MAX_IN_FLIGHT = 5;

/** How long a batch waits for an answer before it goes on without it. */
const PATIENCE_MS = 1_000;

/** The same for a destination that is slow or failing, or that has not succeeded yet: it may hang. */
const SHORT_PATIENCE_MS = 200;

/**
 * Makes attempts side by side, in fair shares, those at isolated destinations last. A destination that answers late, times
 * out or asks for less gets no more attempts this time. What is left when requests run out, or `beginWithinMs` is over, is
 * put off. So neither a hanging destination nor a long batch delays the others.
 */
export async function attemptAll(jobs: readonly Job[], beginWithinMs: number, posting: Posting): Promise<Attempted> {
  const share = new FairShare(isolatedLast(jobs));
  const results: JobResult[] = [];
  const late: LateAttempt[] = [];
  const endAt = posting.world.now() + beginWithinMs;
  let isRequestLeft = true;

  const work = async () => {
    while (isRequestLeft && posting.world.now() < endAt) {
      const job = share.begin();
      if (job === undefined) return;
      const result = attempt(job, posting);
      const settled = await withTimeout(result, patienceMs(job.destination), posting.world);
      if (settled.state === "failed") throw settled.error;
      if (settled.state === "late") {
        share.stop(job);
        late.push({ job, result });
        return;
      }
      const made = settled.value.attempt;
      share.finish(job);
      if (made === null) isRequestLeft = false;
      else if (made.outcome === "timed_out" || asksForLess(made)) share.stop(job);
      results.push(settled.value);
    }
  };
  await Promise.all(Array.from({ length: MAX_IN_FLIGHT }, work));

  const putOff = share.rest().map(({ job, isStopped }): JobResult => {
    return { job, attempt: null, isDestinationSlow: isStopped };
  });
  return { results: [...results, ...putOff], late };
}

function isolatedLast(jobs: readonly Job[]): Job[] {
  return jobs.toSorted((one, other) => Number(one.destination.isIsolated) - Number(other.destination.isIsolated));
}

function patienceMs({ isIsolated, isFailing, hasSucceeded }: Destination): number {
  return isIsolated || isFailing || !hasSucceeded ? SHORT_PATIENCE_MS : PATIENCE_MS;
}

/** Put off when the invocation may make no more requests: another one makes the attempt. */
async function attempt(job: Job, posting: Posting): Promise<JobResult> {
  const { event, destination, delivery } = job;
  try {
    return { job, attempt: await post(event, destination, nextAttemptNumber(delivery), posting) };
  } catch (error) {
    if (!(error instanceof NoRequestLeft)) throw error;
    logFailure("deliver", error, {
      message: "attempt.put_off",
      destination_id: destination.id,
      event_id: event.id,
    });
    return { job, attempt: null, isDestinationSlow: false };
  }
}
