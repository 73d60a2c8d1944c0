import type { Env } from "../env.ts";
import { logFailure } from "../platform/log.ts";
import { probeNow } from "../store/destination-health.ts";
import { scheduleWakes } from "./schedule.ts";

/** Sends messages for destinations that an operator asked for; one whose circuit is open is probed as soon as it may be. */
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
