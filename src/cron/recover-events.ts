import type { Database } from "../store/database.ts";
import { MESSAGE_TIMEOUT_MS } from "../domain/lease.ts";
import { byId, measure, pack } from "../messages.ts";
import { noteSuccesses } from "../store/destination-health.ts";
import { readCronState, writeCronState } from "../store/cron-state.ts";
import { type ScannedEvent, markQueued, scanEvents } from "../store/recovery-scan.ts";
import type { CronRun } from "./cron-task.ts";

/** Each further message is sent after twice the time, because messages would pile up in a queue that stands still. */
const LONGEST_MESSAGE_TIMEOUT_MS = 600_000;

const EVENTS_PER_PAGE = 1_000;
const MAX_PAGES = 50;
const MAX_REQUEUED = 1_000;
const EVENTS_PER_CALL = 100;

/**
 * The recovery scan: sends another message for every event that has lost its next step, because it was recorded but never queued,
 * or claimed by a consumer that died. It begins at the first undispatched event, so an event is read a few times in its life.
 * A run that is cut short leaves the rest to the next one, so a stuck event does not hide those after it.
 */
export async function recoverEvents({ env, world }: CronRun) {
  const now = world.now();
  const cronState = await readCronState(env.DB);
  const from = cronState.get("recovery_scan_from") ?? 0;
  const scanned = await scan(env.DB, from);
  const lost = scanned.events.filter((event) => hasLostNextStep(event, now)).slice(0, MAX_REQUEUED);
  for (let start = 0; start < lost.length; start += EVENTS_PER_CALL) {
    const ids = lost.slice(start, start + EVENTS_PER_CALL).map(({ id }) => id);
    const messages = pack(ids.map((id) => measure(byId(id, null))));
    await env.EVENTS.sendBatch(messages.map((body) => ({ body })));
    await markQueued(env.DB, ids, now);
  }

  const reached = scanned.events.at(-1)?.seq ?? from;
  if (reached > from) await noteSuccesses(env.DB, from, reached);
  const oldest = scanned.events.find(({ isUndispatched }) => isUndispatched);
  // What an earlier run of the same scan found is older.
  const knownAt = cronState.get("recovery_scan_continues") === 1 ? (cronState.get("oldest_undispatched_at") ?? 0) : 0;
  const oldestAt = knownAt > 0 ? knownAt : (oldest?.receivedAt ?? 0);
  const newlyUndispatchedFrom = oldest === undefined ? reached : oldest.seq - 1;
  const undispatchedFrom = knownAt > 0 ? (cronState.get("undispatched_from") ?? 0) : newlyUndispatchedFrom;
  const next = {
    oldest_undispatched_at: oldestAt,
    undispatched_from: undispatchedFrom,
    recovery_scan_continues: scanned.isCutShort ? 1 : 0,
    recovery_scan_from: scanned.isCutShort ? reached : undispatchedFrom,
  };
  await writeCronState(env.DB, next, cronState);
  return { scanned_events: scanned.events.length, requeued_events: lost.length };
}

/** Whether an undispatched event has neither a queue message nor a consumer. */
export function hasLostNextStep(
  { isUndispatched, receivedAt, queuedAt, leaseUntil }: ScannedEvent,
  now: number,
): boolean {
  const timeoutMs = Math.max(MESSAGE_TIMEOUT_MS, Math.min(queuedAt - receivedAt, LONGEST_MESSAGE_TIMEOUT_MS));
  return isUndispatched && queuedAt <= now - timeoutMs && (leaseUntil === null || leaseUntil <= now);
}

async function scan(db: Database, from: number): Promise<{ events: ScannedEvent[]; isCutShort: boolean }> {
  const events: ScannedEvent[] = [];
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const found = await scanEvents(db, events.at(-1)?.seq ?? from, EVENTS_PER_PAGE);
    events.push(...found);
    if (found.length < EVENTS_PER_PAGE) return { events, isCutShort: false };
  }
  return { events, isCutShort: true };
}
