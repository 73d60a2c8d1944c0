import { type Attempt, type Delivery, nextAttemptNumber } from "../domain/delivery.ts";
import type { Destination } from "../domain/destination.ts";
import { asksForLess } from "../domain/hold.ts";
import type { RelayEvent } from "../domain/event.ts";
import { logFailure } from "../platform/log.ts";
import { withTimeout } from "../platform/timeout.ts";
import { NoRequestLeft, type Posting, post } from "./post.ts";

/** A delivery whose next attempt is to be made. */
export interface Job {
  readonly event: RelayEvent;
  readonly destination: Destination;
  readonly delivery: Delivery;
}

/**
 * What came of a job: an attempt, or none, for want of time, connections or requests, or because its destination is slow
 * just now.
 */
export type JobResult = { readonly job: Job } & (
  { readonly attempt: Attempt } | { readonly attempt: null; readonly isDestinationSlow: boolean }
);

export interface Attempted {
  readonly results: readonly JobResult[];
  /** Attempts that are still under way: nobody waits for them any longer. */
  readonly late: readonly { readonly job: Job; readonly result: Promise<JobResult> }[];
}

/** An invocation may wait for six answers at once; the seventh call would queue while its timer already runs. */
const MAX_IN_FLIGHT = 5;

/** How long a batch, and all that waits behind it, waits for an answer before it goes on without. */
const PATIENCE_MS = 1_000;

/** The same with a destination that is known to be slow or failing, or of which no success is known: it may hang. */
const SHORT_PATIENCE_MS = 200;

/**
 * Makes attempts side by side, each destination getting an equal share of the calls in flight, those first that are not
 * on the retries. A destination that lets one run late or time out, or asks for less, gets no more of them this time;
 * what is left when connections or requests run out, or `beginWithinMs` is over, is put off. So neither a hanging
 * destination nor a long batch holds up the others.
 */
export async function attemptAll(jobs: readonly Job[], beginWithinMs: number, posting: Posting): Promise<Attempted> {
  const wellFirst = jobs.toSorted(
    (one, other) => Number(one.destination.isIsolated) - Number(other.destination.isIsolated),
  );
  const lanes = [...Map.groupBy(wellFirst, ({ destination }) => destination.id).values()].map((waiting) => ({
    waiting: waiting.toReversed(),
    inFlight: 0,
    begun: 0,
    isSlow: false,
  }));
  const results: JobResult[] = [];
  const late: { job: Job; result: Promise<JobResult> }[] = [];
  const endAt = posting.world.now() + beginWithinMs;
  let isRequestLeft = true;

  const next = () =>
    lanes
      .filter(({ waiting, isSlow }) => waiting.length > 0 && !isSlow)
      .reduce<(typeof lanes)[number] | undefined>(
        (first, lane) => (first === undefined || isBefore(lane, first) ? lane : first),
        undefined,
      );

  const work = async () => {
    for (let lane = next(); lane !== undefined && isRequestLeft && posting.world.now() < endAt; lane = next()) {
      const job = lane.waiting.pop();
      if (job === undefined) return;
      lane.inFlight += 1;
      lane.begun += 1;
      const result = attempt(job, posting);
      const settled = await withTimeout(result, patienceMs(job.destination), posting.world);
      if (settled.state === "failed") throw settled.error;
      if (settled.state === "late") {
        lane.isSlow = true;
        late.push({ job, result });
        return;
      }
      lane.inFlight -= 1;
      lane.isSlow ||= settled.value.attempt !== null && endsItsTurn(settled.value.attempt);
      isRequestLeft &&= settled.value.attempt !== null;
      results.push(settled.value);
    }
  };
  await Promise.all(Array.from({ length: MAX_IN_FLIGHT }, work));

  const putOff = lanes.flatMap(({ waiting, isSlow }) =>
    waiting.map((job): JobResult => ({ job, attempt: null, isDestinationSlow: isSlow })),
  );
  return { results: [...results, ...putOff], late };
}

function patienceMs({ isIsolated, isFailing, hasSucceeded }: Destination): number {
  return isIsolated || isFailing || !hasSucceeded ? SHORT_PATIENCE_MS : PATIENCE_MS;
}

interface Share {
  readonly inFlight: number;
  readonly begun: number;
}

/** Of those with the fewest calls in flight, the one that has had the fewest. */
function isBefore(one: Share, other: Share): boolean {
  return one.inFlight === other.inFlight ? one.begun < other.begun : one.inFlight < other.inFlight;
}

function endsItsTurn(attempt: Attempt): boolean {
  return attempt.outcome === "timed_out" || asksForLess(attempt);
}

/** Without an attempt when the invocation may make no more requests: another one makes it. */
async function attempt(job: Job, posting: Posting): Promise<JobResult> {
  const { event, destination, delivery } = job;
  try {
    return { job, attempt: await post(event, destination, nextAttemptNumber(delivery), posting) };
  } catch (error) {
    if (!(error instanceof NoRequestLeft)) throw error;
    logFailure("attempt", error, { destination_id: destination.id, event_id: event.id });
    return { job, attempt: null, isDestinationSlow: false };
  }
}
