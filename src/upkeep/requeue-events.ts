import type { Database } from "../store/database.ts";
import { MESSAGE_PATIENCE_MS } from "../domain/lease.ts";
import { byId, measure, pack } from "../messages.ts";
import { noteSuccesses } from "../store/destination-health.ts";
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
 * that died. Begins behind the last event before which all are finished, so an event is read a few times in its life. A run
 * that cannot come to the end leaves the rest to the next one, so no stuck event keeps those behind it from being looked at.
 */
export async function requeueForgottenEvents({ env, world }: Upkeep) {
  const now = world.now();
  const marks = await readMarks(env.DB);
  const from = marks.get("sweep_from") ?? 0;
  const swept = await sweep(env.DB, from);
  const forgotten = swept.events.filter((event) => isForgotten(event, now)).slice(0, MAX_REQUEUED);
  for (let start = 0; start < forgotten.length; start += EVENTS_PER_CALL) {
    const ids = forgotten.slice(start, start + EVENTS_PER_CALL).map(({ id }) => id);
    const messages = pack(ids.map((id) => measure(byId(id, null))));
    await env.EVENTS.sendBatch(messages.map((body) => ({ body })));
    await markQueued(env.DB, ids, now);
  }

  const reached = swept.events.at(-1)?.seq ?? from;
  if (reached > from) await noteSuccesses(env.DB, from, reached);
  const oldest = swept.events.find(({ isUnfinished }) => isUnfinished);
  let oldestAt = oldest?.receivedAt ?? 0;
  let unfinishedFrom = oldest === undefined ? reached : oldest.seq - 1;
  const knownAt = marks.get("sweep_goes_on") === 1 ? (marks.get("oldest_unfinished_at") ?? 0) : 0;
  if (knownAt > 0) [oldestAt, unfinishedFrom] = [knownAt, marks.get("unfinished_from") ?? 0];
  await writeMarks(env.DB, {
    oldest_unfinished_at: oldestAt,
    unfinished_from: unfinishedFrom,
    sweep_goes_on: swept.isCutShort ? 1 : 0,
    sweep_from: swept.isCutShort ? reached : unfinishedFrom,
  });
  return { swept_events: swept.events.length, requeued_events: forgotten.length };
}

/** Whether no message about an event can be on its way any more, and no consumer has it. */
export function isForgotten({ isUnfinished, receivedAt, queuedAt, claimedUntil }: Swept, now: number): boolean {
  const patienceMs = Math.max(MESSAGE_PATIENCE_MS, Math.min(queuedAt - receivedAt, LONGEST_PATIENCE_MS));
  return isUnfinished && queuedAt <= now - patienceMs && (claimedUntil === null || claimedUntil <= now);
}

/** Reads the events behind a position, page by page. */
async function sweep(db: Database, from: number): Promise<{ events: Swept[]; isCutShort: boolean }> {
  const events: Swept[] = [];
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const found = await sweepEvents(db, events.at(-1)?.seq ?? from, EVENTS_PER_PAGE);
    events.push(...found);
    if (found.length < EVENTS_PER_PAGE) return { events, isCutShort: false };
  }
  return { events, isCutShort: true };
}
