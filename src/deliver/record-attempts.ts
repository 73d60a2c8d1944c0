import type { Env } from "../env.ts";
import type { Delivery } from "../domain/delivery.ts";
import type { Counters } from "../domain/counters.ts";
import { lateAttemptLease } from "../domain/lease.ts";
import { logFailure } from "../platform/log.ts";
import type { World } from "../platform/world.ts";
import { recordDeliveries } from "../store/deliveries.ts";
import { isolate, recordHealth } from "../store/destination-health.ts";
import { disableDestinations } from "../store/destinations.ts";
import type { Attempted, Job, JobResult, LateAttempt } from "./attempt-all.ts";
import { changeCircuits } from "./circuits.ts";
import { tryScheduleDrains } from "./drain-messages.ts";
import { drainsAfter, holdsOf, outcomeOf, pendingWhileLate } from "./outcome.ts";

export interface Recording {
  readonly env: Pick<Env, "DB" | "RETRIES">;
  readonly world: World;
  readonly counters: Counters;
  /** Lets attempts go on behind the batch. */
  readonly waitUntil: (work: Promise<unknown>) => void;
}

/** The platform ends what goes on behind a batch then. */
const BEHIND_MS = 30_000;

/**
 * Records attempts and schedules what follows them. A late attempt is recorded as pending now, and again when it ends. Until
 * `leaseUntil` nobody else makes these attempts: for so long an overloaded D1 is asked again. Returns the deliveries.
 */
export async function recordAttempts(
  { results, late }: Attempted,
  leaseUntil: number,
  recording: Recording,
): Promise<Delivery[]> {
  const { env, world, counters } = recording;
  const now = world.now();
  const outcomes = results.map((result) => outcomeOf(result, { now, random: world.random() }));
  const holds = holdsOf(outcomes);
  const deliveries = [
    ...outcomes.map(({ delivery }) => delivery),
    ...late.flatMap(({ job }) => pendingWhileLate(job, now)),
  ];
  if (deliveries.length === 0 && late.length === 0) return [];

  const also = {
    health: recordHealth(env.DB, attemptsOf(results), holds, now),
    disabled: disableDestinations(env.DB, goneDestinations(results), now),
    isolated: late.length === 0 ? [] : isolate(env.DB, idsOf(late)),
  };
  try {
    const { health } = await recordDeliveries(env.DB, deliveries, also, { until: leaseUntil, world });
    countResults(results, deliveries, counters);
    await tryScheduleDrains(env.RETRIES, drainsAfter(outcomes, holds), world.now());
    const drains = await changeCircuits(health.rows, results, { db: env.DB, world });
    await tryScheduleDrains(env.RETRIES, drains, world.now());
  } finally {
    for (const one of late) recording.waitUntil(recordLate(one, lateAttemptLease(now), recording));
  }
  return deliveries;
}

/** After `leaseUntil` the attempt may be made again. */
async function recordLate({ result }: LateAttempt, leaseUntil: number, recording: Recording): Promise<void> {
  const until = Math.min(leaseUntil, recording.world.now() + BEHIND_MS);
  try {
    await recordAttempts({ results: [await result], late: [] }, until, recording);
  } catch (error) {
    logFailure("deliver", error, { message: "late_attempt.record_failed" });
  }
}

function countResults(results: readonly JobResult[], deliveries: readonly Delivery[], counters: Counters): void {
  for (const { destination, attempt } of attemptsOf(results)) {
    counters.count("qonto_relay_attempts_total", { destination_id: destination.id, outcome: attempt.outcome });
  }
  for (const { destinationId, status } of deliveries) {
    if (status !== "pending") counters.count("qonto_relay_deliveries_total", { destination_id: destinationId, status });
  }
}

function attemptsOf(results: readonly JobResult[]) {
  return results.flatMap(({ job, attempt }) => (attempt === null ? [] : { destination: job.destination, attempt }));
}

/** By a 410 a destination says that it wants no more events. */
function goneDestinations(results: readonly JobResult[]): string[] {
  return idsOf(results.filter(({ attempt }) => attempt?.outcome === "gone"));
}

function idsOf(some: readonly { readonly job: Job }[]): string[] {
  return some.map(({ job }) => job.destination.id);
}
