import type { Env } from "../env.ts";
import type { World } from "../platform/world.ts";
import { readMark, writeMark } from "../store/marks.ts";
import { type Swept, markQueued, sweepEvents } from "../store/sweep.ts";

/** A statement that stalled in D1 may still be applied this much later, with its old time of receipt. */
const LATE_WRITES_MS = 180_000;

const EVENTS_PER_PAGE = 1_000;
const MAX_PAGES = 50;
const MAX_REQUEUED = 1_000;
const MESSAGES_PER_BATCH = 100;

export interface Upkeep {
  readonly env: Pick<Env, "DB" | "EVENTS" | "RETRIES">;
  readonly world: Pick<World, "now">;
}

/**
 * Gives every event that has lost its next step another message: recorded but never queued, or claimed by a consumer
 * that died. Reads on from where all was well, so an event is read a few times in its life, and none is passed by.
 */
export async function requeueForgottenEvents({
  env,
  world,
}: Upkeep): Promise<{ swept_events: number; requeued_events: number }> {
  const now = world.now();
  const sweptUntil = (await readMark(env.DB, "swept_until")) ?? 0;
  const swept = await sweep(env.DB, sweptUntil, now);

  const forgotten = swept.events.filter((event) => event.forgotten).slice(0, MAX_REQUEUED);
  for (let start = 0; start < forgotten.length; start += MESSAGES_PER_BATCH) {
    const ids = forgotten.slice(start, start + MESSAGES_PER_BATCH).map(({ id }) => id);
    await env.EVENTS.sendBatch(ids.map((id) => ({ body: { kind: "recorded_event", id } })));
    await markQueued(env.DB, ids, now);
  }

  const oldestUnfinished = swept.events.find((event) => event.unfinished)?.receivedAt ?? now;
  await writeMark(env.DB, "swept_until", Math.min(oldestUnfinished, swept.reached, now - LATE_WRITES_MS));
  await writeMark(env.DB, "oldest_unfinished_at", oldestUnfinished);
  return { swept_events: swept.events.length, requeued_events: forgotten.length };
}

/** Reads the events received since `from`, page by page; `reached` tells how far it came. */
async function sweep(db: D1Database, from: number, now: number): Promise<{ events: Swept[]; reached: number }> {
  const events: Swept[] = [];
  let after = { receivedAt: from, id: "" };
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const found = await sweepEvents(db, after, { now, limit: EVENTS_PER_PAGE });
    events.push(...found);
    const last = found.at(-1);
    if (last === undefined || found.length < EVENTS_PER_PAGE) return { events, reached: now };
    after = last;
  }
  return { events, reached: after.receivedAt };
}
