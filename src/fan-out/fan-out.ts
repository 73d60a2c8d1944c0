import { type Delivery, countByStatus } from "../domain/delivery.ts";
import { type Destination, isKeptOutOfFanOut, wants } from "../domain/destination.ts";
import type { RelayEvent } from "../domain/event.ts";
import { logLine } from "../platform/log.ts";
import { type Job, type JobResult, attemptAll } from "../deliver/attempt-all.ts";
import { type Recording, recordAttempts } from "../deliver/record-attempts.ts";
import type { Posting } from "../outbound/post.ts";
import { claimAll } from "./claim-all.ts";
import type { Arrival } from "./arrivals.ts";
import { loadBatch } from "./load-batch.ts";
import type { MessageVerdict } from "./verdict.ts";

export interface FanningOut extends Recording {
  readonly config: Posting["config"];
}

/** After this a batch begins no further attempt: what is left is for the retries. */
const BEGIN_WITHIN_MS = 15_000;

/**
 * Fans out some events: makes those its own that nobody has handled, projects their state, makes the first attempt at every
 * recipient, and leaves what failed to the retries. Returns the verdicts on the events' messages.
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
    recipients: batch.destinations.filter((one) => wants(one, read.event)),
  }));
  const { mine, leaseUntil, verdicts } = await claimAll(claimables, { db: env.DB, world });
  const jobs = mine.flatMap(({ event, recipients }) =>
    recipients.map((destination): Job => ({ event, destination, delivery: firstDelivery(event, destination) })),
  );
  const { now = [], later = [] } = Object.groupBy(jobs, ({ destination }) =>
    isKeptOutOfFanOut(destination, startedAt) ? "later" : "now",
  );
  const { results, late } = await attemptAll(now, BEGIN_WITHIN_MS, { world, config });
  const deliveries = await recordAttempts(
    { results: [...results, ...later.map(leaveToRetries)], late },
    leaseUntil,
    fanningOut,
  );

  logLine("fan_out", {
    message: "batch.finished",
    events: arrivals.length,
    claimed: mine.length,
    event_ids: mine.map(({ event }) => event.id),
    ...countByStatus(deliveries),
    late: late.length,
    duration_ms: world.now() - startedAt,
  });
  return new Map([...batch.verdicts, ...verdicts]);
}

function leaveToRetries(job: Job): JobResult {
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
