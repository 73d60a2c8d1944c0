import type { Delivery } from "../domain/delivery.ts";
import type { Counters } from "../domain/counters.ts";
import { lateAttemptLease } from "../domain/lease.ts";
import { logFailure } from "../platform/log.ts";
import { recordDeliveries } from "../store/deliveries.ts";
import { markSlow, recordHealth } from "../store/destination-health.ts";
import { disableDestinations } from "../store/destinations.ts";
import type { AttemptResults, AttemptedJob, Job, LateJob } from "./attempt-all.ts";
import { changeCircuits } from "./circuits.ts";
import type { DeliverContext } from "./context.ts";
import { tryScheduleDrains } from "./drain-messages.ts";
import { nextState, pendingWhileLate } from "./next-state.ts";

/** The platform ends work in the background after this. */
const MAX_BACKGROUND_MS = 30_000;

/**
 * Records attempts and schedules the next drains. A late attempt is recorded as pending now, and again when it ends. While the
 * lease runs nobody else makes these attempts, so the write is retried until then if D1 is overloaded. Returns the deliveries.
 */
export async function recordAttempts(
  { results, late }: AttemptResults,
  leaseUntil: number,
  context: DeliverContext,
): Promise<Delivery[]> {
  if (results.length === 0 && late.length === 0) return [];
  const { env, world, counters } = context;
  const now = world.now();
  const attempted = results.filter((one) => one.state === "attempted");
  const deferred = results.filter((one) => one.state === "deferred");
  const next = nextState(attempted, deferred, { now, random: world.random });
  const deliveries = [...next.deliveries, ...late.flatMap((job) => pendingWhileLate(job, now))];
  // Statements for the transaction that records the deliveries.
  const also = {
    health: recordHealth(env.DB, attempted, next, now),
    disabled: disableDestinations(env.DB, idsOf(attempted.filter(isGone)), now),
    slow: late.length === 0 ? [] : markSlow(env.DB, idsOf(late)),
  };
  try {
    const { health } = await recordDeliveries(env.DB, deliveries, also, { until: leaseUntil, world });
    count(attempted, deliveries, counters);
    await tryScheduleDrains(env.RETRIES, next.drains, world.now());
    // One row for each destination whose health has changed: its failure counts decide its circuit.
    const drains = await changeCircuits(health.rows, attempted, { db: env.DB, world });
    await tryScheduleDrains(env.RETRIES, drains, world.now());
  } finally {
    // Also after a write that failed: these attempts go on, and nobody else records them.
    for (const one of late) context.waitUntil(recordLate(one, lateAttemptLease(now), context));
  }
  return deliveries;
}

/** After `leaseUntil` the attempt may be made again. */
async function recordLate({ result }: LateJob, leaseUntil: number, context: DeliverContext): Promise<void> {
  const until = Math.min(leaseUntil, context.world.now() + MAX_BACKGROUND_MS);
  try {
    await recordAttempts({ results: [await result], late: [] }, until, context);
  } catch (error) {
    logFailure("deliver", error, { message: "late_attempt.record_failed" });
  }
}

function count(attempted: readonly AttemptedJob[], deliveries: readonly Delivery[], counters: Counters): void {
  for (const { destination, attempt } of attempted) {
    counters.count("qonto_relay_attempts_total", { destination_id: destination.id, outcome: attempt.outcome });
  }
  for (const { destinationId, status } of deliveries) {
    if (status !== "pending") counters.count("qonto_relay_deliveries_total", { destination_id: destinationId, status });
  }
}

/** By a 410 a destination asks for no more events. */
function isGone({ attempt }: AttemptedJob): boolean {
  return attempt.outcome === "gone";
}

function idsOf(jobs: readonly Job[]): string[] {
  return jobs.map(({ destination }) => destination.id);
}
