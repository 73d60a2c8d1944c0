import { holdSeconds } from "../domain/retry-schedule.ts";
import { endHeldDeliveries } from "../store/lane.ts";
import { restingDestinations } from "../store/destinations.ts";
import type { Upkeep } from "./upkeep-task.ts";

const MAX_ENDED_OF_EACH = 500;

/**
 * Ends as dead what a resting destination has held for as long as its ladder would have taken: visible, and to be replayed
 * when the team is back.
 */
export async function endHeldTooLong({ env, world, tally }: Upkeep): Promise<{ ended_deliveries: number }> {
  const now = world.now();
  let ended = 0;
  for (const { id, restingSince, retryScheduleSeconds } of await restingDestinations(env.DB)) {
    const heldSince = now - holdSeconds(retryScheduleSeconds) * 1000;
    if (restingSince === null || restingSince > heldSince) continue;
    const endedHere = await endHeldDeliveries(env.DB, id, heldSince, MAX_ENDED_OF_EACH);
    tally.count("qonto_relay_deliveries_total", { destination_id: id, status: "dead" }, endedHere);
    ended += endedHere;
  }
  return { ended_deliveries: ended };
}
