import { scheduleWakes } from "../outbound/schedule.ts";
import { runReplay } from "../replay/run-replay.ts";
import { unfinishedReplays } from "../store/replays.ts";
import type { Upkeep } from "./upkeep-task.ts";

/** Some seconds' work; what is left is for the next minute. */
const MAX_PAGES_OF_EACH = 20;

/** Goes on with the replays that were too long for the request that asked for them, or were cut short. */
export async function resumeReplays({ env, world }: Upkeep): Promise<{ resumed_replays: number }> {
  const replays = await unfinishedReplays(env.DB);
  for (const replay of replays) {
    const now = world.now();
    await runReplay(env, replay, { now, maxPages: MAX_PAGES_OF_EACH });
    await scheduleWakes(env.RETRIES, [{ destinationId: replay.destinationId, at: now }], now);
  }
  return { resumed_replays: replays.length };
}
