import { scheduleDrains } from "../deliver/drain-messages.ts";
import { overdueDestinations } from "../store/drain.ts";
import type { CronRun } from "./cron-task.ts";

/** A message arrives about this much behind its time. One too many costs little: a claim lets only one attempt through. */
const USUAL_DELAY_MS = 2_000;

/** DrainRequests the retries where an attempt is overdue: its message was lost, or its consumer died. */
export async function drainOverdueDestinations({ env, world }: CronRun): Promise<{ drained_destinations: number }> {
  const now = world.now();
  const overdue = await overdueDestinations(env.DB, now - USUAL_DELAY_MS, now);
  await scheduleDrains(
    env.RETRIES,
    overdue.map((destinationId) => ({ destinationId, at: now })),
    now,
  );
  return { drained_destinations: overdue.length };
}
