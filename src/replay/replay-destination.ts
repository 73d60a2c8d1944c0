import type { Env } from "../env.ts";
import type { Replay } from "../domain/replay.ts";
import { makeSortableId } from "../platform/sortable-id.ts";
import type { World } from "../platform/world.ts";
import type { Database } from "../store/database.ts";
import { findDestinations } from "../store/destinations.ts";
import { insertReplay, nextReplayPage, replayPage } from "../store/replays.ts";

export interface ReplayInput {
  readonly which: Replay["which"];
  /** Of the events' receipt, Unix milliseconds, inclusive. */
  readonly since: number;
  /** Exclusive. Absent: now. */
  readonly until?: number | undefined;
}

/** A replay of past events to a destination, which is not begun yet; or why there can be none. */
export async function planReplay(
  db: Database,
  destinationId: string,
  { which, since, until }: ReplayInput,
  world: Pick<World, "now" | "randomBytes">,
): Promise<Replay | "unknown_destination" | "until_not_after_since"> {
  const now = world.now();
  const [destination] = await findDestinations(db, [destinationId]);
  if (destination === undefined) return "unknown_destination";
  if (until !== undefined && until <= since) return "until_not_after_since";
  return {
    id: makeSortableId("rpl", world),
    destinationId,
    which,
    since,
    until: until ?? now + 1,
    reached: { receivedAt: since, id: "" },
    createdAt: now,
    finishedAt: null,
  };
}

/** What a request does of a replay; the cron does the rest. */
const PAGES_AT_ONCE = 10;

export async function beginReplay(env: Pick<Env, "DB">, replay: Replay, now: number): Promise<void> {
  await insertReplay(env.DB, replay);
  await runReplay(env, replay, { now, maxPages: PAGES_AT_ONCE });
}

/**
 * Continues a replay for some pages; returns how many there were. Each page is written together with the progress of the
 * replay, so a run may be cut short anywhere, and two runs at once do no page twice.
 */
export async function runReplay(
  { DB }: Pick<Env, "DB">,
  replay: Replay,
  { now, maxPages }: { now: number; maxPages: number },
): Promise<number> {
  let current = replay;
  let pages = 0;
  for (; pages < maxPages && current.finishedAt === null; pages += 1) {
    current = await replayPage(DB, current, await nextReplayPage(DB, current), now);
  }
  return pages;
}
