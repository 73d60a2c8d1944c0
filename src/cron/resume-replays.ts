import { scheduleDrains } from "../deliver/drain-messages.ts";
import { runReplay } from "../replay/replay-destination.ts";
import { unfinishedReplays } from "../store/replays.ts";
import type { CronRun } from "./cron-task.ts";

/** Some seconds' work; what is left is for the next minute. */
const MAX_PAGES = 40;

/** Goes on with the replays that were too long for the request that asked for them, or were cut short. */
export async function resumeReplays({ env, world }: CronRun): Promise<{ replayed_pages: number }> {
  let pages = 0;
  for (const replay of await unfinishedReplays(env.DB)) {
    if (pages >= MAX_PAGES) break;
    const now = world.now();
    pages += (await runReplay(env, replay, { now, maxPages: MAX_PAGES - pages })).pages;
    await scheduleDrains(env.RETRIES, [{ destinationId: replay.destinationId, at: now }], now);
  }
  return { replayed_pages: pages };
}
