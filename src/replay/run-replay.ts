import type { Env } from "../env.ts";
import type { Replay } from "../domain/replay.ts";
import { nextReplayPage, replayPage } from "../store/replays.ts";

/**
 * Goes on with a replay for some pages; returns it as it then stands, and how many there were. Each is written together with how far the replay has come, so it may be cut short
 * anywhere, and two runs at once do no page twice.
 */
export async function runReplay(
  { DB }: Pick<Env, "DB">,
  replay: Replay,
  { now, maxPages }: { now: number; maxPages: number },
): Promise<{ replay: Replay; pages: number }> {
  let current = replay;
  let pages = 0;
  for (; pages < maxPages && current.finishedAt === null; pages += 1) {
    current = await replayPage(DB, current, await nextReplayPage(DB, current), now);
  }
  return { replay: current, pages };
}
