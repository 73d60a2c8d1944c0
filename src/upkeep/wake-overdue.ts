import { scheduleWakes } from "../outbound/schedule.ts";
import { overdueDestinations } from "../store/lane.ts";
import type { Upkeep } from "./upkeep-task.ts";

/** A message arrives about this much behind its time. One too many costs little: a claim lets only one attempt through. */
const USUAL_DELAY_MS = 2_000;

/** Wakes the retry lane where an attempt is overdue: its message was lost, or its consumer died. */
export async function wakeOverdueDestinations({ env, world }: Upkeep): Promise<{ woken_destinations: number }> {
  const now = world.now();
  const overdue = await overdueDestinations(env.DB, now - USUAL_DELAY_MS, now);
  await scheduleWakes(
    env.RETRIES,
    overdue.map((destinationId) => ({ destinationId, at: now })),
    now,
  );
  return { woken_destinations: overdue.length };
}
