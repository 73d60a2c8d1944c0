import type { Database } from "../store/database.ts";
import { LATE_WRITES_MS, MESSAGE_PATIENCE_MS } from "../domain/lease.ts";
import { byId, measure, pack } from "../messages.ts";
import { readMarks, writeMarks } from "../store/marks.ts";
import { type Swept, markQueued, sweepEvents } from "../store/sweep.ts";
import type { Upkeep } from "./upkeep-task.ts";

/** Each further message waits twice as long as the one before, for in a queue that stands still they would pile up. */
const LONGEST_PATIENCE_MS = 600_000;

const EVENTS_PER_PAGE = 1_000;
const MAX_PAGES = 50;
const MAX_REQUEUED = 1_000;
const EVENTS_PER_CALL = 100;

/**
 * Gives every event that has lost its next step another message: recorded but never queued, or claimed by a consumer
 * that died. Begins where all before is well, so an event is read a few times in its life. A run that cannot come to the
 * end leaves the rest to the next one, so no stuck event keeps those behind it from being looked at.
 */
export async function requeueForgottenEvents({ env, world }: Upkeep) {
  const now = world.now();
  const marks = await readMarks(env.DB);
  const swept = await sweep(env.DB, marks.get("sweep_from") ?? 0, now);
  const forgotten = swept.events.filter((event) => isForgotten(event, now)).slice(0, MAX_REQUEUED);
  for (let start = 0; start < forgotten.length; start += EVENTS_PER_CALL) {
    const ids = forgotten.slice(start, start + EVENTS_PER_CALL).map(({ id }) => id);
    const messages = pack(ids.map((id) => measure(byId(id, null))));
    await env.EVENTS.sendBatch(messages.map((body) => ({ body })));
    await markQueued(env.DB, ids, now);
  }

  const goesOn = marks.get("sweep_goes_on") === 1;
  const oldestHere = swept.events.find(({ isUnfinished }) => isUnfinished)?.receivedAt ?? now;
  const oldestUnfinished = goesOn ? Math.min(marks.get("oldest_unfinished_at") ?? now, oldestHere) : oldestHere;
  await writeMarks(env.DB, {
    oldest_unfinished_at: oldestUnfinished,
    sweep_goes_on: swept.isCutShort ? 1 : 0,
    sweep_from: swept.isCutShort ? swept.reached : Math.min(oldestUnfinished, now - LATE_WRITES_MS),
  });
  return { swept_events: swept.events.length, requeued_events: forgotten.length };
}

/** Whether no message about an event can be on its way any more, and no consumer has it. */
export function isForgotten({ isUnfinished, receivedAt, queuedAt, claimedUntil }: Swept, now: number): boolean {
  const patienceMs = Math.max(MESSAGE_PATIENCE_MS, Math.min(queuedAt - receivedAt, LONGEST_PATIENCE_MS));
  return isUnfinished && queuedAt <= now - patienceMs && (claimedUntil === null || claimedUntil <= now);
}

/** Reads the events received since `from`, page by page; `reached` tells how far it came. */
async function sweep(
  db: Database,
  from: number,
  now: number,
): Promise<{ events: Swept[]; reached: number; isCutShort: boolean }> {
  const events: Swept[] = [];
  let after = { receivedAt: from, id: "" };
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const found = await sweepEvents(db, after, { now, limit: EVENTS_PER_PAGE });
    events.push(...found);
    const last = found.at(-1);
    if (last === undefined || found.length < EVENTS_PER_PAGE) return { events, reached: now, isCutShort: false };
    after = last;
  }
  return { events, reached: after.receivedAt, isCutShort: true };
}
