import { type Delivery, countByStatus } from "../domain/delivery.ts";
import { type Destination, isIsolatedFromStart, wants } from "../domain/destination.ts";
import type { RelayEvent } from "../domain/event.ts";
import { logLine } from "../platform/log.ts";
import { type Job, type JobResult, attemptAll } from "../outbound/attempt-all.ts";
import { type Concluding, conclude } from "../outbound/conclude.ts";
import type { Posting } from "../outbound/post.ts";
import { claimAll } from "./claim-all.ts";
import type { Arrival } from "./arrivals.ts";
import { loadBatch } from "./load-batch.ts";
import type { MessageVerdict } from "./verdict.ts";

export interface FanningOut extends Concluding {
  readonly config: Posting["config"];
}

/** After this a chunk begins no further attempt: what is left is for the retries. */
const BEGIN_WITHIN_MS = 15_000;

/**
 * Fans out some events: makes those its own that nobody has handled, brings the state up to them, makes the first
 * attempt at every destination that wants them, and hands what failed to the retries. Returns the verdicts on those that
 * have to come again, by event id.
 */
export async function fanOut(
  arrivals: readonly Arrival[],
  fanningOut: FanningOut,
): Promise<ReadonlyMap<string, MessageVerdict>> {
  const { env, world, config } = fanningOut;
  const startedAt = world.now();
  const batch = await loadBatch(arrivals, env.DB);
  const claimables = batch.events.map((read) => ({
    ...read,
    wantedBy: batch.destinations.filter((one) => wants(one, read.event)),
  }));
  const { claimed, leaseUntil, verdicts } = await claimAll(claimables, { db: env.DB, world });
  const jobs = claimed.flatMap(({ event, wantedBy }) =>
    wantedBy.map((destination): Job => ({ event, destination, delivery: firstDelivery(event, destination) })),
  );
  const { atOnce = [], forLane = [] } = Object.groupBy(jobs, ({ destination }) =>
    isIsolatedFromStart(destination, startedAt) ? "forLane" : "atOnce",
  );
  const attempted = await attemptAll(atOnce, BEGIN_WITHIN_MS, { world, config });
  const deliveries = await conclude(
    { ...attempted, results: [...attempted.results, ...forLane.map(leaveToLane)] },
    leaseUntil,
    fanningOut,
  );

  logLine("fan-out", {
    events: arrivals.length,
    claimed: claimed.length,
    event_ids: claimed.map(({ event }) => event.id),
    ...countByStatus(deliveries),
    late: attempted.late.length,
    duration_ms: world.now() - startedAt,
  });
  return new Map([...batch.verdicts, ...verdicts]);
}

function leaveToLane(job: Job): JobResult {
  return { job, attempt: null, isDestinationSlow: false };
}

function firstDelivery(event: RelayEvent, destination: Destination): Delivery {
  return {
    destinationId: destination.id,
    eventId: event.id,
    receivedAt: event.receivedAt,
    status: "pending",
    attempts: [],
    step: 0,
    nextAttemptAt: null,
  };
}
