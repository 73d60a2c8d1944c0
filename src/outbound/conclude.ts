import type { Env } from "../env.ts";
import type { Delivery } from "../domain/delivery.ts";
import { afterAttempt, putOff } from "../domain/delivery-progress.ts";
import { logFailure } from "../platform/log.ts";
import type { World } from "../platform/world.ts";
import { recordDeliveries } from "../store/deliveries.ts";
import { disableDestinations } from "../store/destinations.ts";
import type { JobResult } from "./attempt-all.ts";
import { scheduleAttempts } from "./schedule.ts";

export interface Concluding {
  readonly env: Pick<Env, "DB" | "RETRIES">;
  readonly world: World;
  /** Wait of a delivery that was put off. */
  readonly putOffMs: number;
}

/** Writes down what came of some attempts and sees to the next ones. Returns the deliveries as they now stand. */
export async function conclude(
  results: readonly JobResult[],
  { env, world, putOffMs }: Concluding,
): Promise<Delivery[]> {
  const now = world.now();
  const deliveries = results.map(({ job: { delivery, destination }, attempt }) =>
    attempt === null
      ? putOff(delivery, now + putOffMs)
      : afterAttempt(delivery, attempt, destination.retryScheduleSeconds, { now, random: world.random() }),
  );
  await recordDeliveries(env.DB, deliveries, attemptsOf(results));
  await disableDestinations(env.DB, goneDestinations(results), now);
  try {
    await scheduleAttempts(env.RETRIES, deliveries, world.now());
  } catch (error) {
    // Nothing is lost: D1 knows what is pending, and the cron sends what is overdue.
    logFailure("schedule-attempts", error);
  }
  return deliveries;
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
