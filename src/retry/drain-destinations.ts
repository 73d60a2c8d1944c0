import { countByStatus } from "../domain/delivery.ts";
import { type Destination, LONGEST_UNATTENDED_MS } from "../domain/destination.ts";
import { LEASE_MS, type DrainPlan, afterDrain, planDrain } from "../domain/drain-plan.ts";
import { logFailure, logLine } from "../platform/log.ts";
import { withTimeout } from "../platform/timeout.ts";
import { type Attempted, type Job, attemptAll } from "../outbound/attempt-all.ts";
import { type Concluding, conclude } from "../outbound/conclude.ts";
import type { Posting } from "../outbound/post.ts";
import { type DrainRequest, restMs, scheduleDrains } from "../outbound/schedule.ts";
import { findDestinations } from "../store/destinations.ts";
import { type DrainClaimed, claimDue, endDrains } from "../store/drain.ts";
import { explained } from "../store/schema.ts";

export interface Draining extends Concluding {
  readonly config: Posting["config"];
}

/** After this a drain begins no further attempt: it has to end well before its lease does. */
const BEGIN_WITHIN_MS = 5_000;

/** Until then it may ask an overloaded D1 again: the platform ends it soon after, and it has to send for what is left. */
const WRITE_WITHIN_MS = 25_000;

/** What a drain needs of its lease. */
const NEEDED_MS = 50_000;

/** A destination whose turn it is. */
interface Drain {
  readonly destination: Destination;
  readonly plan: DrainPlan;
}

/**
 * Visits destinations for which something is due, and makes the attempts that each one's turn allows; where it is another's
 * plan, that one sends for what comes meanwhile. What D1 says counts: the messages only say where to look. The claims are held
 * by D1, so the attempts go on behind the batch: no slow destination holds up the messages that wait for others.
 */
export async function drainDestinations(destinationIds: readonly string[], draining: Draining): Promise<void> {
  const { env, world } = draining;
  const startedAt = world.now();
  const destinations = await findDestinations(env.DB, destinationIds);
  const drains = destinations.flatMap((destination): Drain[] => {
    const plan = planDrain(destination, startedAt);
    return plan === null ? [] : [{ destination, plan }];
  });
  const lane = await claimDrains(drains, draining);

  const behind: Promise<unknown>[] = [];
  const goOn = (work: Promise<unknown>) => {
    behind.push(work);
    draining.waitUntil(work);
  };
  goOn(serve(drains, lane, { ...draining, waitUntil: goOn }));
  await withTimeout(allOf(behind), attendedMs(lane.jobs), world);
}

/** All of a list that may grow meanwhile. */
async function allOf(works: readonly Promise<unknown>[]): Promise<void> {
  for (const work of works) await work;
}

/** How much of the longest attempt the batch must wait for, because the platform grants less without it. */
function attendedMs(jobs: readonly Job[]): number {
  return Math.max(0, ...jobs.map(({ destination }) => destination.timeoutMs - LONGEST_UNATTENDED_MS));
}

/** Makes the attempts, writes down what came of them, and sends for what is left. */
async function serve(drains: readonly Drain[], lane: Lane, draining: Draining): Promise<void> {
  const { env, world, config } = draining;
  const startedAt = world.now();
  const drained = drains.map(({ destination }) => destination.id);
  try {
    const attempted = await attemptAll(lane.jobs, BEGIN_WITHIN_MS, { world, config });
    const deliveries = await conclude(attempted, Math.min(lane.claimedUntil, startedAt + WRITE_WITHIN_MS), draining);
    await sendForTheRest(drains, lane, attempted, draining);
    logLine("retry", {
      drained,
      claimed: lane.jobs.length,
      event_ids: lane.jobs.map(({ event }) => event.id),
      ...countByStatus(deliveries),
      filtered: lane.claimed.flatMap(({ unwanted }) => unwanted).length,
      late: attempted.late.length,
      duration_ms: world.now() - startedAt,
    });
  } catch (error) {
    logFailure("retry", await explained(env.DB, error), { drained });
    // What was claimed is free again when the lease ends. Should this fail as well, the cron drains the lane.
    await scheduleDrains(
      env.RETRIES,
      drained.map((destinationId) => ({ destinationId, at: lane.claimedUntil })),
      world.now(),
    ).catch((failure: unknown) => logFailure("schedule-drain", failure));
  }
}

interface Lane {
  readonly claimed: readonly DrainClaimed[];
  readonly claimedUntil: number;
  readonly jobs: readonly Job[];
  /** Destinations of what was claimed and cannot be attempted before the lease has ended. */
  readonly unserved: readonly string[];
}

/** Claims what each drain may take, and finds what the attempts need. */
async function claimDrains(drains: readonly Drain[], { env, world, counters }: Draining): Promise<Lane> {
  const now = world.now();
  const claimedUntil = now + LEASE_MS;
  if (drains.length === 0) return { claimed: [], claimedUntil, jobs: [], unserved: [] };
  const claims = drains.map(({ destination, plan }) => ({
    destinationId: destination.id,
    limit: plan.limit,
    seenDrainAt: destination.nextDrainAt,
    isExclusive: plan.kind !== "free",
  }));
  const { claimed, events } = await claimDue(env.DB, claims, { now, claimedUntil });
  for (const { destinationId, unwanted } of claimed) {
    for (const status of unwanted)
      counters.count("qonto_relay_deliveries_total", { destination_id: destinationId, status });
  }
  // A D1 that stalled may have used up the lease.
  if (world.now() > claimedUntil - NEEDED_MS) {
    return { claimed: [], claimedUntil, jobs: [], unserved: claims.map(({ destinationId }) => destinationId) };
  }
  const destinations = new Map(drains.map(({ destination }) => [destination.id, destination]));
  const jobs = claimed.flatMap(({ destinationId, deliveries }) =>
    deliveries.flatMap((delivery): Job[] => {
      const destination = destinations.get(destinationId);
      const event = events.get(delivery.eventId);
      return destination && event ? [{ delivery, destination, event }] : [];
    }),
  );
  return { claimed, claimedUntil, jobs, unserved: unloaded(claimed, jobs) };
}

/** Claimed, but for want of memory not loaded. */
function unloaded(claimed: readonly DrainClaimed[], jobs: readonly Job[]): string[] {
  const loaded = Map.groupBy(jobs, ({ destination }) => destination.id);
  return claimed
    .filter(({ destinationId, deliveries }) => deliveries.length > (loaded.get(destinationId)?.length ?? 0))
    .map(({ destinationId }) => destinationId);
}

/** Gives back the turns that were held, and drains the lane for what is left. */
async function sendForTheRest(
  drains: readonly Drain[],
  lane: Lane,
  { results, late }: Attempted,
  { env, world }: Draining,
): Promise<void> {
  const now = world.now();
  const begun = [...results.filter(({ attempt }) => attempt !== null), ...late].map(({ job }) => job.destination.id);
  const slow = new Set(late.map(({ job }) => job.destination.id));
  const putOff = new Set(results.filter(({ attempt }) => attempt === null).map(({ job }) => job.destination.id));
  const claimedBy = new Map(lane.claimed.map((claimed) => [claimed.destinationId, claimed]));
  const requests: DrainRequest[] = lane.unserved.map((destinationId) => ({ destinationId, at: lane.claimedUntil }));
  const endedDrains: { destinationId: string; nextDrainAt: number | null }[] = [];
  for (const { destination, plan } of drains) {
    const claimed = claimedBy.get(destination.id);
    if (claimed === undefined) continue;
    const drained = {
      claimed: claimed.deliveries.length,
      isFull: claimed.deliveries.length + claimed.unwanted.length >= plan.limit,
      begun: begun.filter((id) => id === destination.id).length,
      hasPutOff: putOff.has(destination.id),
      nextDueAt: claimed.nextDueAt,
      restMs: slow.has(destination.id) ? restMs(destination) : 0,
    };
    const { endsDrain, nextDrainAt, drainAt } = afterDrain(plan, drained, now);
    if (endsDrain) endedDrains.push({ destinationId: destination.id, nextDrainAt });
    if (drainAt !== null) requests.push({ destinationId: destination.id, at: drainAt });
  }
  await endDrains(env.DB, endedDrains, { now, claimedUntil: lane.claimedUntil });
  await scheduleDrains(env.RETRIES, requests, now);
}
