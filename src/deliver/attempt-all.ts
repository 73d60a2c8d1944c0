import { type Attempt, type Delivery, nextAttemptNumber } from "../domain/delivery.ts";
import type { Destination } from "../domain/destination.ts";
import { asksForLess } from "../domain/hold.ts";
import type { RelayEvent } from "../domain/event.ts";
import { NoRequestLeft, type PostContext, post } from "../outbound/post.ts";
import { logFailure } from "../platform/log.ts";
import { withTimeout } from "../platform/timeout.ts";
import { FairShare } from "./fair-share.ts";

/** A delivery whose next attempt is to be made. */
export interface Job {
  readonly event: RelayEvent;
  readonly destination: Destination;
  readonly delivery: Delivery;
}

/**
 * A job's attempt. Null: it is deferred, because time or requests ran out, because its destination is slow or asked for a
 * pause, or because fan-out leaves it to the retries.
 */
export type JobResult = { readonly job: Job } & (
  { readonly attempt: Attempt } | { readonly attempt: null; readonly isDestinationSlow: boolean }
);

/** An attempt that is still in flight when the batch stops waiting for it. */
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
const ATTEMPT_WAIT_MS = 1_000;

/** The same for a destination that is slow or failing, or that has not succeeded yet: it may hang. */
const SHORT_ATTEMPT_WAIT_MS = 200;

/**
 * Makes attempts concurrently, in fair shares, isolated destinations last. A destination that answers late, times out or asks
 * for a pause gets no further attempt in this batch. When `beginWithinMs` is over or requests run out, the rest is deferred.
 */
export async function attemptAll(
  jobs: readonly Job[],
  beginWithinMs: number,
  context: PostContext,
): Promise<Attempted> {
  const share = new FairShare(isolatedLast(jobs));
  const results: JobResult[] = [];
  const late: LateAttempt[] = [];
  const endAt = context.world.now() + beginWithinMs;
  let isRequestLeft = true;

  const work = async () => {
    while (isRequestLeft && context.world.now() < endAt) {
      const job = share.begin();
      if (job === undefined) return;
      const result = attempt(job, context);
      const settled = await withTimeout(result, attemptWaitMs(job.destination), context.world);
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

  const deferred = share.rest().map(({ job, isStopped }): JobResult => {
    return { job, attempt: null, isDestinationSlow: isStopped };
  });
  return { results: [...results, ...deferred], late };
}

function isolatedLast(jobs: readonly Job[]): Job[] {
  return jobs.toSorted((one, other) => Number(one.destination.isIsolated) - Number(other.destination.isIsolated));
}

function attemptWaitMs({ isIsolated, isFailing, hasSucceeded }: Destination): number {
  return isIsolated || isFailing || !hasSucceeded ? SHORT_ATTEMPT_WAIT_MS : ATTEMPT_WAIT_MS;
}

/** The attempt is deferred when the invocation may make no more requests: another invocation makes it. */
async function attempt(job: Job, context: PostContext): Promise<JobResult> {
  const { event, destination, delivery } = job;
  try {
    return { job, attempt: await post(event, destination, nextAttemptNumber(delivery), context) };
  } catch (error) {
    if (!(error instanceof NoRequestLeft)) throw error;
    logFailure("deliver", error, {
      message: "attempt.deferred",
      destination_id: destination.id,
      event_id: event.id,
    });
    return { job, attempt: null, isDestinationSlow: false };
  }
}
