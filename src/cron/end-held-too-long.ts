import { holdSeconds } from "../domain/retry-schedule.ts";
import { endHeldDeliveries } from "../store/drain.ts";
import { destinationsWithOpenCircuit } from "../store/destinations.ts";
import type { CronRun } from "./cron-task.ts";

const MAX_ENDED_OF_EACH = 500;

/**
 * Ends as dead what a resting destination has held for as long as its retry schedule would have taken: visible, and to be replayed
 * when the destination is back.
 */
export async function endHeldTooLong({ env, world, counters }: CronRun): Promise<{ ended_deliveries: number }> {
  const now = world.now();
  let ended = 0;
  for (const { id, circuitOpenedAt, retryScheduleSeconds } of await destinationsWithOpenCircuit(env.DB)) {
    const heldSince = now - holdSeconds(retryScheduleSeconds) * 1000;
    if (circuitOpenedAt === null || circuitOpenedAt > heldSince) continue;
    const endedHere = await endHeldDeliveries(env.DB, id, heldSince, MAX_ENDED_OF_EACH);
    counters.count("qonto_relay_deliveries_total", { destination_id: id, status: "dead" }, endedHere);
    ended += endedHere;
  }
  return { ended_deliveries: ended };
}
