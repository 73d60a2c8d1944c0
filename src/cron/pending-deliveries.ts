import { lifetimeSeconds } from "../domain/retry-schedule.ts";
import { scheduleDrains } from "../deliver/drain-messages.ts";
import { runReplay } from "../replay/replay-destination.ts";
import { destinationsWithOpenCircuit } from "../store/destinations.ts";
import { endExpiredDeliveries, overdueDestinations } from "../store/drain.ts";
import { unfinishedReplays } from "../store/replays.ts";
import type { CronRun } from "./cron-task.ts";

/** A drain message usually arrives this late. One message too many costs little: a claim lets only one attempt through. */
const USUAL_DELAY_MS = 2_000;

/** Sends a drain message to destinations with an overdue delivery: its message was lost, or its consumer died. */
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

const MAX_ENDED_OF_EACH = 500;

/**
 * Ends expired deliveries: those that have been due behind an open circuit for longer than their retry schedule takes. They stay
 * visible, and can be replayed when the destination has recovered.
 */
export async function endExpired({ env, world, counters }: CronRun): Promise<{ ended_deliveries: number }> {
  const now = world.now();
  let ended = 0;
  for (const { id, circuitOpenedAt, retryScheduleSeconds } of await destinationsWithOpenCircuit(env.DB)) {
    const dueSince = now - lifetimeSeconds(retryScheduleSeconds) * 1000;
    if (circuitOpenedAt === null || circuitOpenedAt > dueSince) continue;
    const statuses = await endExpiredDeliveries(env.DB, id, { dueSince, now, limit: MAX_ENDED_OF_EACH });
    for (const status of statuses) {
      counters.count("qonto_relay_deliveries_total", { destination_id: id, status });
    }
    ended += statuses.length;
  }
  return { ended_deliveries: ended };
}

/** Some seconds of work. The next run does the rest. */
const MAX_PAGES = 40;

/** Continues replays that were too long for the request that asked for them, or were cut short. */
export async function resumeReplays({ env, world }: CronRun): Promise<{ replayed_pages: number }> {
  let pages = 0;
  for (const replay of await unfinishedReplays(env.DB)) {
    if (pages >= MAX_PAGES) break;
    const now = world.now();
    pages += await runReplay(env, replay, { now, maxPages: MAX_PAGES - pages });
    await scheduleDrains(env.RETRIES, [{ destinationId: replay.destinationId, at: now }], now);
  }
  return { replayed_pages: pages };
}
