import type { Env } from "../env.ts";
import type { Delivery } from "../domain/delivery.ts";
import { afterAttempt, putOff } from "../domain/delivery-progress.ts";
import { logFailure } from "../platform/log.ts";
import type { World } from "../platform/world.ts";
import { recordDeliveries } from "../store/deliveries.ts";
import { recordHealth } from "../store/destination-health.ts";
import { disableDestinations } from "../store/destinations.ts";
import type { Attempted, JobResult } from "./attempt-all.ts";
import { scheduleAttempts } from "./schedule.ts";

export interface Concluding {
  readonly env: Pick<Env, "DB" | "RETRIES">;
  readonly world: World;
  /** Wait of a delivery that was put off because its destination is slow. */
  readonly restMs: number;
  /** Lets late attempts go on behind the batch. */
  readonly waitUntil: (work: Promise<unknown>) => void;
}

/** A late attempt has come to its end by then, or its consumer has died: then the cron has it made again. */
const LATE_MS = 45_000;

/**
 * Writes down what came of some attempts and sees to the next ones; those that are late are written down as pending, and
 * concluded when they end. Returns the deliveries as they now stand.
 */
export async function conclude({ results, late }: Attempted, concluding: Concluding): Promise<Delivery[]> {
  const { env, world, restMs, waitUntil } = concluding;
  const now = world.now();
  const concluded = results.map((result) => {
    const { delivery, destination } = result.job;
    return result.attempt === null
      ? putOff(delivery, now + (result.isDestinationSlow ? restMs : 0))
      : afterAttempt(delivery, result.attempt, destination.retryScheduleSeconds, { now, random: world.random() });
  });
  const underWay = late.map(({ job }) => putOff(job.delivery, now + LATE_MS));

  await recordDeliveries(
    env.DB,
    [...concluded, ...underWay],
    [...recordHealth(env.DB, attemptsOf(results)), disableDestinations(env.DB, goneDestinations(results), now)],
  );
  try {
    await scheduleAttempts(env.RETRIES, concluded, world.now());
  } catch (error) {
    // Nothing is lost: D1 knows what is pending, and the cron sends what is overdue.
    logFailure("schedule-attempts", error);
  }
  for (const { result } of late) waitUntil(concludeLate(result, concluding));
  return [...concluded, ...underWay];
}

async function concludeLate(result: Promise<JobResult>, concluding: Concluding): Promise<void> {
  try {
    await conclude({ results: [await result], late: [] }, concluding);
  } catch (error) {
    logFailure("conclude-late-attempt", error);
  }
}

function attemptsOf(results: readonly JobResult[]) {
  return results.flatMap(({ job, attempt }) =>
    attempt === null ? [] : { destinationId: job.destination.id, attempt },
  );
}

/** A 410 says that the team wants no more events at all. */
function goneDestinations(results: readonly JobResult[]): string[] {
  return results.filter(({ attempt }) => attempt?.outcome === "gone").map(({ job }) => job.destination.id);
}
