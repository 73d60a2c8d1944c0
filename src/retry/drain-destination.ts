import { countByStatus } from "../domain/delivery.ts";
import { type Destination, MAX_BACKGROUND_ATTEMPT_MS, slowDelayMs } from "../domain/destination.ts";
import { type DrainPlan, afterDrain, planDrain } from "../domain/drain-plan.ts";
import { drainLease, isEnoughForDrain } from "../domain/lease.ts";
import { showVersion } from "../domain/version.ts";
import { logFailure, logLine } from "../platform/log.ts";
import { withTimeout } from "../platform/timeout.ts";
import { type AttemptResults, type Job, attemptAll } from "../deliver/attempt-all.ts";
import type { DeliverContext } from "../deliver/context.ts";
import { scheduleDrains, tryScheduleDrains } from "../deliver/drain-messages.ts";
import { recordAttempts } from "../deliver/record-attempts.ts";
import { versionOf } from "../qonto/version.ts";
import { findDestinations } from "../store/destinations.ts";
import { type DrainClaimed, claimDue, releaseDrain } from "../store/drain.ts";
import { endRejected } from "../store/filtered-deliveries.ts";
import type { EndedStatus } from "../store/deliveries.ts";
import { describeSchemaFault } from "../store/schema.ts";

/** After this a drain begins no further attempt: it has to end well before its lease does. */
const BEGIN_WITHIN_MS = 5_000;

/** Until then a drain may ask an overloaded D1 again: the platform ends it soon after, and it has messages to send. */
const WRITE_WITHIN_MS = 25_000;

interface Drain {
  readonly destination: Destination;
  readonly plan: DrainPlan;
  readonly claimed: DrainClaimed;
  readonly leaseUntil: number;
  /** Fewer than the claimed deliveries when there is no memory left for their events. */
  readonly jobs: readonly Job[];
}

/**
 * Attempts what is due at a destination, as far as its plan allows. The attempts run in the background (`waitUntil`), after
 * the message is acknowledged, so a slow destination does not delay the next message. Only an attempt that may take longer
 * than the platform allows there keeps the batch.
 */
export async function drainDestination(destinationId: string, context: DeliverContext): Promise<void> {
  const { env, world } = context;
  const startedAt = world.now();
  const [destination] = await findDestinations(env.DB, [destinationId]);
  if (destination === undefined) return logSkipped(destinationId, "removed");
  const plan = planDrain(destination, startedAt);
  if (plan === null) return logSkipped(destinationId, "not_now");
  const drain = await claimDrain(destination, plan, context);
  if (!isEnoughForDrain(drain.leaseUntil, world.now())) {
    // D1 has stalled for most of the lease.
    logLine("retry", {
      message: "drain.deferred",
      destination_id: destinationId,
      filtered: drain.claimed.filtered.length,
    });
    return drainAtLeaseEnd(drain, context);
  }

  const background: Promise<unknown>[] = [];
  const waitUntil = (work: Promise<unknown>) => {
    background.push(work);
    context.waitUntil(work);
  };
  waitUntil(attemptAndRecord(drain, { ...context, waitUntil }));
  await withTimeout(allOf(background), Math.max(0, destination.timeoutMs - MAX_BACKGROUND_ATTEMPT_MS), world);
}

/** `not_now`: the destination is disabled, on hold or claimed, or its next drain is later. */
function logSkipped(destinationId: string, reason: "removed" | "not_now"): void {
  logLine("retry", { message: "drain.skipped", destination_id: destinationId, reason });
}

/** All of a list that may grow meanwhile. */
async function allOf(works: readonly Promise<unknown>[]): Promise<void> {
  for (const work of works) await work;
}

/** Claims what the plan allows, and loads what the attempts need. */
async function claimDrain(
  destination: Destination,
  plan: DrainPlan,
  { env, world, counters }: DeliverContext,
): Promise<Drain> {
  const now = world.now();
  const leaseUntil = drainLease(now);
  const claimed = await claimDue(env.DB, destination, plan, { now, leaseUntil });
  countFiltered(claimed.filtered, destination, { counters });
  const jobs = claimed.deliveries.flatMap((delivery): Job[] => {
    const event = claimed.events.get(delivery.eventId);
    if (!event) return [];
    const shown = showVersion(versionOf(event), [claimed.latestVersions.get(event.id)]);
    return [{ delivery, destination, event, shown }];
  });
  return { destination, plan, claimed, leaseUntil, jobs };
}

function countFiltered(
  ended: readonly EndedStatus[],
  { id }: Destination,
  { counters }: Pick<DeliverContext, "counters">,
): void {
  for (const status of ended) counters.count("qonto_relay_deliveries_total", { destination_id: id, status });
}

/** What was claimed is due again when the lease ends. */
function drainAtLeaseEnd({ destination, leaseUntil }: Drain, { env, world }: DeliverContext): Promise<void> {
  return tryScheduleDrains(env.RETRIES, [{ destinationId: destination.id, at: leaseUntil }], world.now());
}

/** Makes the attempts, records them, and schedules the next drain. */
async function attemptAndRecord(drain: Drain, context: DeliverContext): Promise<void> {
  const { env, world } = context;
  const { destination, claimed, leaseUntil, jobs } = drain;
  const startedAt = world.now();
  try {
    const attempted = await attemptAll(jobs, BEGIN_WITHIN_MS, context);
    const deliveries = await recordAttempts(attempted, Math.min(leaseUntil, startedAt + WRITE_WITHIN_MS), context);
    const rejected = await endRejected(env.DB, destination, claimed.rejected, world.now());
    countFiltered(rejected, destination, context);
    await releaseAndScheduleNext(drain, { ...attempted, rejected: rejected.length }, context);
    logLine("retry", {
      message: "drain.finished",
      destination_id: destination.id,
      loaded: jobs.length,
      event_ids: jobs.map(({ event }) => event.id),
      ...countByStatus(deliveries),
      filtered: claimed.filtered.length + rejected.length,
      late: attempted.late.length,
      duration_ms: world.now() - startedAt,
    });
  } catch (error) {
    logFailure("retry", await describeSchemaFault(env.DB, error), {
      message: "drain.failed",
      destination_id: destination.id,
    });
    await drainAtLeaseEnd(drain, context);
  }
}

/** Releases the destination of an exclusive drain, and sends a message if another drain must follow. */
async function releaseAndScheduleNext(
  { destination, plan, claimed, leaseUntil, jobs }: Drain,
  { results, late, rejected }: AttemptResults & { readonly rejected: number },
  { env, world }: DeliverContext,
): Promise<void> {
  const destinationId = destination.id;
  const now = world.now();
  const after = afterDrain(
    plan,
    {
      claimed: claimed.deliveries.length + claimed.rejected.length,
      begun: results.filter(({ state }) => state === "attempted").length + late.length,
      isFull: claimed.deliveries.length + claimed.rejected.length + claimed.filtered.length >= plan.limit,
      hasDeferred: results.some(({ state }) => state === "deferred"),
      nextDueAt: claimed.nextDueAt,
      slowDelayMs: late.length > 0 ? slowDelayMs(destination) : 0,
    },
    now,
  );
  if (after.next === "release_and_schedule") {
    await releaseDrain(env.DB, { destinationId, nextDrainAt: after.nextDrainAt }, { now, leaseUntil });
  }
  const drainsAt = after.next === "none" ? [] : [after.at];
  // What could not be loaded, or not be ended because the filter has changed, is due again when the lease ends.
  const isSomeLeft = jobs.length < claimed.deliveries.length || rejected < claimed.rejected.length;
  if (isSomeLeft) drainsAt.push(leaseUntil);
  await scheduleDrains(
    env.RETRIES,
    drainsAt.map((at) => ({ destinationId, at })),
    now,
  );
}
