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
import { drainsAfter, holdsOf, nextStateOf, pendingWhileLate } from "./next-state.ts";

export interface RecordContext {
  readonly env: Pick<Env, "DB" | "RETRIES">;
  readonly world: World;
  readonly counters: Counters;
  /** Lets attempts continue in the background, after the batch. */
  readonly waitUntil: (work: Promise<unknown>) => void;
}

/** The platform ends work in the background after this. */
const MAX_BACKGROUND_MS = 30_000;

/**
 * Records attempts and schedules the next drains. A late attempt is recorded as pending now, and again when it ends. While the
 * lease runs nobody else makes these attempts, so the write is retried until then if D1 is overloaded. Returns the deliveries.
 */
export async function recordAttempts(
  { results, late }: Attempted,
  leaseUntil: number,
  context: RecordContext,
): Promise<Delivery[]> {
  const { env, world, counters } = context;
  const now = world.now();
  const nextStates = results.map((result) => nextStateOf(result, { now, random: world.random() }));
  const holds = holdsOf(nextStates);
  const deliveries = [
    ...nextStates.map(({ delivery }) => delivery),
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
    await tryScheduleDrains(env.RETRIES, drainsAfter(nextStates, holds), world.now());
    // Health returns the destinations' new failure counts, which decide their circuits.
    const drains = await changeCircuits(health.rows, results, { db: env.DB, world });
    await tryScheduleDrains(env.RETRIES, drains, world.now());
  } finally {
    for (const one of late) context.waitUntil(recordLate(one, lateAttemptLease(now), context));
  }
  return deliveries;
}

/** After `leaseUntil` the attempt may be made again. */
async function recordLate({ result }: LateAttempt, leaseUntil: number, context: RecordContext): Promise<void> {
  const until = Math.min(leaseUntil, context.world.now() + MAX_BACKGROUND_MS);
  try {
    await recordAttempts({ results: [await result], late: [] }, until, context);
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
