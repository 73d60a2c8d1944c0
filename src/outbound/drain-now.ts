import type { Env } from "../env.ts";
import { logFailure } from "../platform/log.ts";
import { probeNow } from "../store/destination-health.ts";
import { scheduleDrains } from "./schedule.ts";

/** Sends messages for destinations that an operator asked for; one whose circuit is open is probed as soon as it may be. */
export async function drainNow(
  { DB, RETRIES }: Pick<Env, "DB" | "RETRIES">,
  destinationIds: readonly string[],
  now: number,
): Promise<void> {
  const probes = await probeNow(DB, destinationIds, now);
  try {
    await scheduleDrains(
      RETRIES,
      destinationIds.map((destinationId) => ({ destinationId, at: probes.get(destinationId) ?? now })),
      now,
    );
  } catch (error) {
    // The cron drains for what is overdue.
    logFailure("drain-now", error);
  }
}
