import type { Env } from "../env.ts";
import { type BreakerChange, judgeBreaker } from "../domain/breaker.ts";
import type { Attempt, Delivery } from "../domain/delivery.ts";
import type { Counters } from "../domain/counters.ts";
import { afterAttempt, putOff } from "../domain/delivery-progress.ts";
import { holdOf } from "../domain/hold.ts";
import { logFailure, logLine } from "../platform/log.ts";
import type { World } from "../platform/world.ts";
import { recordDeliveries } from "../store/deliveries.ts";
import { isolate, readBreakerRow, recordHealth, changeBreaker } from "../store/destination-health.ts";
import { disableDestinations } from "../store/destinations.ts";
import type { Attempted, Job, JobResult } from "./attempt-all.ts";
import { type DrainRequest, restMs, scheduleDrains } from "./schedule.ts";

export interface Concluding {
  readonly env: Pick<Env, "DB" | "RETRIES">;
  readonly world: World;
  readonly counters: Counters;
  /** Lets attempts go on behind the batch. */
  readonly waitUntil: (work: Promise<unknown>) => void;
}

/** A late attempt has come to its end by then, or its consumer has died: then the cron has it made again. */
const LATE_MS = 45_000;

/** A hold that ends sooner may have had its message by the time that a delivery is written down. */
const HOLD_ENDS_MS = 10_000;

/** The platform ends what goes on behind a batch then. */
const BEHIND_MS = 30_000;

/**
 * Writes down what came of some attempts and sees to the next ones; those that are late are written down as pending, and
 * concluded when they end. Until `leaseUntil` nobody else makes these attempts: so long an overloaded D1 is asked again.
 * Returns the deliveries as they now stand.
 */
export async function conclude(
  { results, late }: Attempted,
  leaseUntil: number,
  concluding: Concluding,
): Promise<Delivery[]> {
  const { env, world, waitUntil } = concluding;
  const now = world.now();
  const concluded = results.map((result) => concludeOne(result, now, world.random()));
  const holds = holdsOf(concluded);
  const deliveries = [
    ...concluded.map(({ delivery }) => delivery),
    ...late.filter(({ job }) => !isClaimed(job, now)).map(({ job }) => putOff(job.delivery, now + LATE_MS)),
  ];
  if (deliveries.length === 0 && late.length === 0) return [];

  const also = [
    recordHealth(env.DB, attemptsOf(results), holds, now),
    disableDestinations(env.DB, goneDestinations(results), now),
    ...(late.length === 0 ? [] : [isolate(env.DB, idsOf(late))]),
  ];
  try {
    const [health] = await recordDeliveries(env.DB, deliveries, also, { until: leaseUntil, world });
    countResults(results, deliveries, concluding.counters);
    const held = [...holds].map(([destinationId, at]) => ({ destinationId, at }));
    await scheduleNextDrains([...concluded.flatMap((one) => nextDrainOf(one, holds)), ...held], concluding);
    await scheduleNextDrains(await changeBreakers(health?.results ?? [], results, concluding), concluding);
  } finally {
    for (const { result } of late) waitUntil(concludeLate(result, now + LATE_MS, concluding));
  }
  return deliveries;
}

function countResults(results: readonly JobResult[], deliveries: readonly Delivery[], counters: Counters): void {
  for (const { job, attempt } of results) {
    if (attempt === null) continue;
    counters.count("qonto_relay_attempts_total", { destination_id: job.destination.id, outcome: attempt.outcome });
  }
  for (const { destinationId, status } of deliveries) {
    if (status !== "pending") counters.count("qonto_relay_deliveries_total", { destination_id: destinationId, status });
  }
}

/** A delivery as it now stands, and when the lane is to look after it. */
interface Concluded {
  readonly delivery: Delivery;
  /** Unix milliseconds; null: when its destination is no longer held, which has a message of its own. */
  readonly due: number | null;
  /** Without an attempt. */
  readonly isPutOff: boolean;
  /** Until when its destination is to be left alone, Unix milliseconds; null: it did not ask for that. */
  readonly heldUntil: number | null;
}

function concludeOne(result: JobResult, now: number, random: number): Concluded {
  const { delivery, destination } = result.job;
  if (result.attempt === null) {
    const isHeldYet = (destination.heldUntil ?? 0) > now + HOLD_ENDS_MS;
    const due = isHeldYet ? null : now + (result.isDestinationSlow ? restMs(destination) : 0);
    return { delivery: putOff(delivery, now), due, isPutOff: true, heldUntil: null };
  }
  const after = afterAttempt(delivery, result.attempt, destination.retryScheduleSeconds, { now, random });
  const heldUntil = holdOf(result.attempt, after.nextAttemptAt, now);
  return { delivery: after, due: after.nextAttemptAt ?? now, isPutOff: false, heldUntil };
}

/** How long destinations that asked for less are to be left alone, by their ids: the longest counts. */
function holdsOf(concluded: readonly Concluded[]): ReadonlyMap<string, number> {
  const holds = new Map<string, number>();
  for (const { delivery, heldUntil } of concluded) {
    if (heldUntil === null) continue;
    holds.set(delivery.destinationId, Math.max(heldUntil, holds.get(delivery.destinationId) ?? 0));
  }
  return holds;
}

/** The lane's claim is lease enough for what it has begun. */
function isClaimed({ delivery }: Job, now: number): boolean {
  return (delivery.nextAttemptAt ?? now) >= now + LATE_MS;
}

/** After `leaseUntil` it may be made again. */
async function concludeLate(result: Promise<JobResult>, leaseUntil: number, concluding: Concluding): Promise<void> {
  const until = Math.min(leaseUntil, concluding.world.now() + BEHIND_MS);
  try {
    await conclude({ results: [await result], late: [] }, until, concluding);
  } catch (error) {
    logFailure("conclude-late-attempt", error);
  }
}

/** Turns the breakers to which the attempts gave reason; returns when their destinations' next turns are. */
async function changeBreakers(
  rows: readonly unknown[],
  results: readonly JobResult[],
  { env, world }: Concluding,
): Promise<DrainRequest[]> {
  const now = world.now();
  const turned: DrainRequest[] = [];
  for (const { destinationId, breaker } of rows.map(readBreakerRow)) {
    const itsResults = results.filter(({ job }) => job.destination.id === destinationId);
    const maxPerSecond = itsResults[0]?.job.destination.maxPerSecond ?? null;
    const change = judgeBreaker(breaker, failedProbeAmong(itsResults), { now, random: world.random(), maxPerSecond });
    if (change === null || !(await changeBreaker(env.DB, { destinationId, breaker }, change, now))) continue;
    logLine("breaker", {
      destination_id: destinationId,
      decision: decisionOf(change),
      failed_probes: change.failedProbes,
    });
    turned.push({ destinationId, at: change.nextDrainAt });
  }
  return turned;
}

function decisionOf({ circuitOpenedAt, failedProbes }: BreakerChange): string {
  if (circuitOpenedAt === null) return "closed";
  return failedProbes === 0 ? "opened" : "stays open";
}

function failedProbeAmong(results: readonly JobResult[]): Attempt | null {
  const probe = results.find(
    ({ job, attempt }) => job.destination.circuitOpenedAt !== null && attempt?.outcome !== "delivered",
  );
  return probe?.attempt ?? null;
}

/**
 * Each pending delivery has its message, but for those that wait for the end of a hold: that has one for all. Should the
 * destination rest by then, it is spent: probes have their own.
 */
function nextDrainOf({ delivery, due, isPutOff }: Concluded, holds: ReadonlyMap<string, number>): DrainRequest[] {
  const { destinationId, status } = delivery;
  if (status !== "pending" || due === null || (isPutOff && holds.has(destinationId))) return [];
  return [{ destinationId, at: due }];
}

async function scheduleNextDrains(drains: readonly DrainRequest[], { env, world }: Concluding): Promise<void> {
  try {
    await scheduleDrains(env.RETRIES, drains, world.now());
  } catch (error) {
    // Nothing is lost: D1 knows what is pending, and the cron drains for what is overdue.
    logFailure("schedule-drain", error);
  }
}

function attemptsOf(results: readonly JobResult[]) {
  return results.flatMap(({ job, attempt }) => (attempt === null ? [] : { destination: job.destination, attempt }));
}

/** A 410 says that the destination wants no more events at all. */
function goneDestinations(results: readonly JobResult[]): string[] {
  return idsOf(results.filter(({ attempt }) => attempt?.outcome === "gone"));
}

function idsOf(some: readonly { readonly job: Job }[]): string[] {
  return some.map(({ job }) => job.destination.id);
}
