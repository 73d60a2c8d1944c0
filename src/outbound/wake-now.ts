import type { Env } from "../env.ts";
import { logFailure } from "../platform/log.ts";
import { probeNow } from "../store/destination-health.ts";
import { scheduleWakes } from "./schedule.ts";

/** Has the lane look at destinations at once, because an operator asked for it; a resting one is probed as soon as it may be. */
export async function wakeNow(
  { DB, RETRIES }: Pick<Env, "DB" | "RETRIES">,
  destinationIds: readonly string[],
  now: number,
): Promise<void> {
  const probes = await probeNow(DB, destinationIds, now);
  try {
    await scheduleWakes(
      RETRIES,
      destinationIds.map((destinationId) => ({ destinationId, at: probes.get(destinationId) ?? now })),
      now,
    );
  } catch (error) {
    // The cron wakes for what is overdue.
    logFailure("wake-now", error);
  }
}
