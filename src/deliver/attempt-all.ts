import { type Attempt, type Delivery, nextAttemptNumber } from "../domain/delivery.ts";
import type { Destination } from "../domain/destination.ts";
import { asksForLess } from "../domain/hold.ts";
import type { RelayEvent } from "../domain/event.ts";
import type { ShownVersion } from "../domain/version.ts";
import { NoRequestLeft, type PostContext, post } from "../outbound/post.ts";
import { versionHeaders } from "../outbound/version-headers.ts";
import { logFailure } from "../platform/log.ts";
import { withTimeout } from "../platform/timeout.ts";
import { FairShare } from "./fair-share.ts";

/** A delivery whose next attempt is to be made. */
export interface Job {
  readonly event: RelayEvent;
  readonly destination: Destination;
  readonly delivery: Delivery;
  /** The version of a resource that the event shows; null: it is about none. */
  readonly shown: ShownVersion | null;
}

export type AttemptedJob = Job & { readonly state: "attempted"; readonly attempt: Attempt };

/** Time or requests ran out, its destination was stopped, or fan-out leaves it to the drains. */
export type DeferredJob = Job & {
  readonly state: "deferred";
  /** It answered late, timed out or asked for a hold, and gets no further attempt in this batch. */
  readonly isDestinationStopped: boolean;
};

export type JobResult = AttemptedJob | DeferredJob;

/** A job whose attempt is still in flight when the batch stops waiting for it. */
export type LateJob = Job & { readonly result: Promise<JobResult> };

/** What has become of a batch's jobs: attempted, deferred or late. */
export interface AttemptResults {
  readonly results: readonly JobResult[];
  readonly late: readonly LateJob[];
}

/**
 * An invocation may wait for six answers at once; a seventh call would queue while its timeout already runs. `ISOLATED_PAGE` in
 * src/domain/drain-plan.ts is the same number.
 */
const MAX_IN_FLIGHT = 5;

/** How long a batch waits for an answer before it goes on without it. */
const ATTEMPT_WAIT_MS = 1_000;

/** The same for a destination that is slow or failing, or that has not succeeded yet: it may hang. */
const SHORT_ATTEMPT_WAIT_MS = 200;

/**
 * Makes attempts concurrently, in fair shares. A destination that answers late, times out or asks for a hold gets no further
 * attempt in this batch. When `beginWithinMs` is over or requests run out, the rest is deferred.
 */
export async function attemptAll(
  jobs: readonly Job[],
  beginWithinMs: number,
  context: PostContext,
): Promise<AttemptResults> {
  const { world } = context;
  const share = new FairShare(jobs);
  const results: JobResult[] = [];
  const late: LateJob[] = [];
  const endAt = world.now() + beginWithinMs;
  let isRequestLeft = true;

  const worker = async () => {
    while (isRequestLeft && world.now() < endAt) {
      const job = share.begin();
      if (job === undefined) return;
      const result = makeAttempt(job, context);
      const waited = await withTimeout(result, attemptWaitMs(job.destination), world);
      if (waited.state === "failed") throw waited.error;
      if (waited.state === "late") {
        share.stop(job);
        late.push({ ...job, result });
        // The attempt keeps one of the connections until it ends, so this worker takes no other job.
        return;
      }
      const made = waited.value;
      share.finish(job);
      if (made.state === "deferred") isRequestLeft = false;
      else if (made.attempt.outcome === "timed_out" || asksForLess(made.attempt)) share.stop(job);
      results.push(made);
    }
  };
  await Promise.all(Array.from({ length: MAX_IN_FLIGHT }, worker));

  results.push(...share.rest().map(({ job, isStopped }) => deferred(job, isStopped)));
  return { results, late };
}

export function deferred(job: Job, isDestinationStopped = false): DeferredJob {
  return { ...job, state: "deferred", isDestinationStopped };
}

function attemptWaitMs({ isIsolated, isFailing, hasSucceeded }: Destination): number {
  return isIsolated || isFailing || !hasSucceeded ? SHORT_ATTEMPT_WAIT_MS : ATTEMPT_WAIT_MS;
}

/** The attempt is deferred when the invocation may make no more requests: another invocation makes it. */
async function makeAttempt(job: Job, context: PostContext): Promise<JobResult> {
  const { event, destination, delivery, shown } = job;
  try {
    const attempt = await post(event, destination, nextAttemptNumber(delivery), context, versionHeaders(shown));
    return { ...job, state: "attempted", attempt };
  } catch (error) {
    if (!(error instanceof NoRequestLeft)) throw error;
    logFailure("deliver", error, {
      message: "attempt.deferred",
      destination_id: destination.id,
      event_id: event.id,
    });
    return deferred(job);
  }
}
