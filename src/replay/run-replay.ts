import type { Env } from "../env.ts";
import type { Replay } from "../domain/replay.ts";
import { nextReplayPage, replayPage } from "../store/replays.ts";

/**
 * Goes on with a replay for some pages. Each is written together with how far the replay has come, so it may be cut short
 * anywhere, and two runs at once do no page twice.
 */
export async function runReplay(
  { DB }: Pick<Env, "DB">,
  replay: Replay,
  { now, maxPages }: { now: number; maxPages: number },
): Promise<Replay> {
  let current = replay;
  for (let page = 0; page < maxPages && current.finishedAt === null; page += 1) {
    current = await replayPage(DB, current, await nextReplayPage(DB, current), now);
  }
  return current;
}
