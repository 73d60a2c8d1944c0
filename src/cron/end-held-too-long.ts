import { lifetimeSeconds } from "../domain/retry-schedule.ts";
import { endOutlivedDeliveries } from "../store/drain.ts";
import { destinationsWithOpenCircuit } from "../store/destinations.ts";
import type { CronRun } from "./cron-task.ts";

const MAX_ENDED_OF_EACH = 500;

/** Ends deliveries as dead that have waited behind an open circuit for as long as their retry schedule would have taken. */
export async function endHeldTooLong({ env, world, counters }: CronRun): Promise<{ ended_deliveries: number }> {
  const now = world.now();
  let ended = 0;
  for (const { id, circuitOpenedAt, retryScheduleSeconds } of await destinationsWithOpenCircuit(env.DB)) {
    const receivedBefore = now - lifetimeSeconds(retryScheduleSeconds) * 1000;
    if (circuitOpenedAt === null || circuitOpenedAt > receivedBefore) continue;
    const endedHere = await endOutlivedDeliveries(env.DB, id, receivedBefore, MAX_ENDED_OF_EACH);
    counters.count("qonto_relay_deliveries_total", { destination_id: id, status: "dead" }, endedHere);
    ended += endedHere;
  }
  return { ended_deliveries: ended };
}
