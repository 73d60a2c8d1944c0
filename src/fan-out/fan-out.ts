import { type Delivery, countByStatus } from "../domain/delivery.ts";
import { type Destination, isKeptOutOfFanOut, wants } from "../domain/destination.ts";
import type { RelayEvent } from "../domain/event.ts";
import { logLine } from "../platform/log.ts";
import { type Job, attemptAll, deferred } from "../deliver/attempt-all.ts";
import { type DeliverContext, recordAttempts } from "../deliver/record-attempts.ts";
import { claimAll } from "./claim-all.ts";
import type { BatchEvent } from "./batch-events.ts";
import { openBatch } from "./open-batch.ts";
import type { MessageVerdict } from "./verdict.ts";

/** After this a chunk of events begins no further attempt. The retries take what is left. */
const BEGIN_WITHIN_MS = 15_000;

/**
 * Claims the events, updates the latest state, makes the first attempts, and leaves what is still pending to the drains.
 * Returns what becomes of each event's message.
 */
export async function fanOut(
  events: readonly BatchEvent[],
  context: DeliverContext,
): Promise<ReadonlyMap<string, MessageVerdict>> {
  const { env, world } = context;
  const startedAt = world.now();
  const batch = await openBatch(events, env.DB);
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
  const { results, late } = await attemptAll(now, BEGIN_WITHIN_MS, context);
  const deliveries = await recordAttempts(
    { results: [...results, ...later.map((job) => deferred(job))], late },
    leaseUntil,
    context,
  );

  logLine("fan_out", {
    message: "batch.finished",
    events: events.length,
    claimed: mine.length,
    event_ids: mine.map(({ event }) => event.id),
    ...countByStatus(deliveries),
    late: late.length,
    duration_ms: world.now() - startedAt,
  });
  return new Map([...batch.verdicts, ...verdicts]);
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
