import { countByStatus } from "../domain/delivery.ts";
import { type Destination, MAX_BACKGROUND_ATTEMPT_MS, slowPauseMs } from "../domain/destination.ts";
import { type AfterDrain, type DrainPlan, afterDrain, isExclusive, planDrain } from "../domain/drain-plan.ts";
import { drainLease, isEnoughForDrain } from "../domain/lease.ts";
import { logFailure, logLine } from "../platform/log.ts";
import { withTimeout } from "../platform/timeout.ts";
import { type Attempted, type Job, attemptAll } from "../deliver/attempt-all.ts";
import { type DrainRequest, scheduleDrains, tryScheduleDrains } from "../deliver/drain-messages.ts";
import { type RecordContext, recordAttempts } from "../deliver/record-attempts.ts";
import type { PostContext } from "../outbound/post.ts";
import { findDestinations } from "../store/destinations.ts";
import { type DrainClaimed, claimDue, releaseDrains } from "../store/drain.ts";
import { describeSchemaFault } from "../store/schema.ts";

export interface DrainContext extends RecordContext {
  readonly config: PostContext["config"];
}

/** After this a drain begins no further attempt: it has to end well before its lease does. */
const BEGIN_WITHIN_MS = 5_000;

/** Until then a drain may ask an overloaded D1 again: the platform ends it soon after, and it has messages to send. */
const WRITE_WITHIN_MS = 25_000;

/** A destination that may be drained now, and how. */
interface Planned {
  readonly destination: Destination;
  readonly plan: DrainPlan;
}

interface Drain extends Planned {
  readonly claimed: DrainClaimed;
  /** Fewer than the claimed deliveries when there is no memory left for their events. */
  readonly jobs: readonly Job[];
}

/**
 * Attempts what is due at each destination, as far as its plan allows (`max_batch_size` is 1: usually one destination). The
 * attempts run in the background (`waitUntil`), after the message is acknowledged, so a slow destination does not delay the
 * next message. Only an attempt that may take longer than the platform allows there keeps the batch.
 */
export async function drainDestinations(destinationIds: readonly string[], context: DrainContext): Promise<void> {
  const { env, world } = context;
  const startedAt = world.now();
  const planned = (await findDestinations(env.DB, destinationIds)).flatMap((destination): Planned[] => {
    const plan = planDrain(destination, startedAt);
    return plan === null ? [] : [{ destination, plan }];
  });
  const claimedUntil = drainLease(world.now());
  const drains = await claimDrains(planned, claimedUntil, context);
  if (!isEnoughForDrain(claimedUntil, world.now())) return drainLater(drains, claimedUntil, context);

  const background: Promise<unknown>[] = [];
  const runInBackground = (work: Promise<unknown>) => {
    background.push(work);
    context.waitUntil(work);
  };
  runInBackground(attemptAndRecord(drains, claimedUntil, { ...context, waitUntil: runInBackground }));
  await withTimeout(allOf(background), foregroundMs(drains), world);
}

/** All of a list that may grow meanwhile. */
async function allOf(works: readonly Promise<unknown>[]): Promise<void> {
  for (const work of works) await work;
}

/** How long the batch waits for its longest attempt: as much as exceeds what the platform allows in the background. */
function foregroundMs(drains: readonly Drain[]): number {
  const attempting = drains.filter(({ jobs }) => jobs.length > 0);
  return Math.max(0, ...attempting.map(({ destination }) => destination.timeoutMs - MAX_BACKGROUND_ATTEMPT_MS));
}

/** Claims what the plans allow, and finds what the attempts need. */
async function claimDrains(
  planned: readonly Planned[],
  claimedUntil: number,
  { env, world, counters }: DrainContext,
): Promise<Drain[]> {
  if (planned.length === 0) return [];
  const claims = planned.map(({ destination, plan }) => ({
    destinationId: destination.id,
    limit: plan.limit,
    expectedNextDrainAt: destination.nextDrainAt,
    isExclusive: isExclusive(plan),
  }));
  const { claimed, events } = await claimDue(env.DB, claims, { now: world.now(), claimedUntil });
  return planned.flatMap(({ destination, plan }): Drain[] => {
    const its = claimed.get(destination.id);
    if (its === undefined) return [];
    for (const status of its.unwanted) {
      counters.count("qonto_relay_deliveries_total", { destination_id: destination.id, status });
    }
    const jobs = its.deliveries.flatMap((delivery): Job[] => {
      const event = events.get(delivery.eventId);
      return event ? [{ delivery, destination, event }] : [];
    });
    return [{ destination, plan, claimed: its, jobs }];
  });
}

/** D1 has stalled for most of the lease. */
async function drainLater(drains: readonly Drain[], claimedUntil: number, context: DrainContext): Promise<void> {
  logLine("retry", {
    message: "drain.deferred",
    destination_ids: idsOf(drains),
    filtered: drains.flatMap(({ claimed }) => claimed.unwanted).length,
  });
  await drainAtLeaseEnd(drains, claimedUntil, context);
}

/** What was claimed is due again when the lease ends. */
function drainAtLeaseEnd(drains: readonly Drain[], claimedUntil: number, { env, world }: DrainContext): Promise<void> {
  const requests = idsOf(drains).map((destinationId) => ({ destinationId, at: claimedUntil }));
  return tryScheduleDrains(env.RETRIES, requests, world.now());
}

/** Makes the attempts, records them, and schedules the next drains. */
async function attemptAndRecord(drains: readonly Drain[], claimedUntil: number, context: DrainContext): Promise<void> {
  const { env, world, config } = context;
  const startedAt = world.now();
  const jobs = drains.flatMap((drain) => drain.jobs);
  try {
    const attempted = await attemptAll(jobs, BEGIN_WITHIN_MS, { world, config });
    const deliveries = await recordAttempts(attempted, Math.min(claimedUntil, startedAt + WRITE_WITHIN_MS), context);
    await releaseAndScheduleNext(drains, attempted, claimedUntil, context);
    logLine("retry", {
      message: "drain.finished",
      destination_ids: idsOf(drains),
      claimed: jobs.length,
      event_ids: jobs.map(({ event }) => event.id),
      ...countByStatus(deliveries),
      filtered: drains.flatMap(({ claimed }) => claimed.unwanted).length,
      late: attempted.late.length,
      duration_ms: world.now() - startedAt,
    });
  } catch (error) {
    logFailure("retry", await describeSchemaFault(env.DB, error), {
      message: "drain.failed",
      destination_ids: idsOf(drains),
    });
    await drainAtLeaseEnd(drains, claimedUntil, context);
  }
}

/** Releases the destinations of exclusive drains, and sends a message where a drain must follow. */
async function releaseAndScheduleNext(
  drains: readonly Drain[],
  attempted: Attempted,
  claimedUntil: number,
  { env, world }: DrainContext,
): Promise<void> {
  const now = world.now();
  const released: { destinationId: string; nextDrainAt: number | null }[] = [];
  const requests: DrainRequest[] = [];
  for (const drain of drains) {
    const destinationId = drain.destination.id;
    const after = afterDrainOf(drain, attempted, now);
    if (after.next === "release_and_schedule") released.push({ destinationId, nextDrainAt: after.nextDrainAt });
    if (after.next !== "none") requests.push({ destinationId, at: after.at });
    const isUnloaded = drain.jobs.length < drain.claimed.deliveries.length;
    if (isUnloaded) requests.push({ destinationId, at: claimedUntil });
  }
  await releaseDrains(env.DB, released, { now, claimedUntil });
  await scheduleDrains(env.RETRIES, requests, now);
}

function afterDrainOf({ destination, plan, claimed }: Drain, { results, late }: Attempted, now: number): AfterDrain {
  const own = results.filter(({ job }) => job.destination.id === destination.id);
  const ownLate = late.filter(({ job }) => job.destination.id === destination.id);
  const made = own.filter(({ attempt }) => attempt !== null);
  return afterDrain(
    plan,
    {
      claimed: claimed.deliveries.length,
      begun: made.length + ownLate.length,
      isFull: claimed.deliveries.length + claimed.unwanted.length >= plan.limit,
      hasDeferred: made.length < own.length,
      nextDueAt: claimed.nextDueAt,
      slowPauseMs: ownLate.length > 0 ? slowPauseMs(destination) : 0,
    },
    now,
  );
}

function idsOf(drains: readonly Drain[]): string[] {
  return drains.map(({ destination }) => destination.id);
}
