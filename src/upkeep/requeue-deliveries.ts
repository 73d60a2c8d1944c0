import { scheduleAttempts } from "../outbound/schedule.ts";
import { overdueDeliveries } from "../store/deliveries.ts";
import type { Upkeep } from "./upkeep-task.ts";

const MAX_REQUEUED_OF_EACH = 200;

/** A message arrives about this much behind its time. One too many costs little: the claim lets only one attempt through. */
const USUAL_DELAY_MS = 2_000;

/** Sends another message for each delivery whose attempt is overdue: its own was lost, or its consumer died. */
export async function requeueOverdueDeliveries({ env, world }: Upkeep): Promise<{ requeued_deliveries: number }> {
  const now = world.now();
  const overdue = await overdueDeliveries(env.DB, now - USUAL_DELAY_MS, MAX_REQUEUED_OF_EACH);
  await scheduleAttempts(env.RETRIES, overdue, now);
  return { requeued_deliveries: overdue.length };
}
