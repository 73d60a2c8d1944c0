import type { Database } from "../store/database.ts";
import { readCronState, writeCronState } from "../store/cron-state.ts";
import { firstIdAt } from "../platform/sortable-id.ts";
import { AUDIT_PREFIX } from "../store/audit.ts";
import { type CutOff, agedEvents, deleteEvents, deleteOthers } from "../store/retention.ts";
import type { CronRun } from "./cron-task.ts";

const MS_PER_DAY = 86_400_000;

/** Events with a dead delivery are kept this many times as long. */
const LONGER_FOR_THE_DEAD = 2;

/** About 10 ms of D1, also with five deliveries each: receiving hardly waits. A page of 1,000 takes 100 ms. */
const EVENTS_PER_PAGE = 200;

/**
 * 20,000 events a minute are 333 a second: a relay that receives 250 a second does not grow for ever. A page is two calls of
 * some 50 ms, so all pages take 10 s, and one second of it is D1's. Where D1 is slower, the next run does the rest: a third of
 * the minute is enough for one task.
 */
const MAX_PAGES = 100;
const MAX_MS = 20_000;

/** More than a year, for those who look back once a year. */
const AUDIT_DAYS = 400;

/** Each may hold a body. */
const OTHERS_PER_RUN = 100;

/**
 * Deletes what is old, in small pages: delivered and unmatched events with their deliveries, and those with a dead delivery after
 * twice as long. An event with a pending delivery or with the latest state of its resource stays. Then quarantine, dead letters,
 * replays, audit records, counters and idempotency keys.
 */
export async function deleteWhatIsOld({ env, world, config }: CronRun) {
  // RETENTION_DAYS is not known.
  if (config === null) return {};
  const { retentionDays } = config;
  const now = world.now();
  const cutOff: CutOff = {
    settledBefore: now - retentionDays * MS_PER_DAY,
    deadBefore: now - LONGER_FOR_THE_DEAD * retentionDays * MS_PER_DAY,
    keysBefore: now - MS_PER_DAY,
    firstAuditId: firstIdAt(AUDIT_PREFIX, now - AUDIT_DAYS * MS_PER_DAY),
  };
  const deletedEvents = await deleteAgedEvents(env.DB, cutOff, now, () => world.now() - now < MAX_MS);
  const others = await deleteOthers(env.DB, cutOff, OTHERS_PER_RUN);
  return {
    deleted_events: deletedEvents,
    deleted_quarantined: others.quarantined,
    deleted_dead_letters: others.deadLetters,
    deleted_replays: others.replays,
    deleted_audit_records: others.auditRecords,
  };
}

/** Continues after the last event that was looked at. Once a day it begins at the first event again, for those that had to stay. */
async function deleteAgedEvents(db: Database, cutOff: CutOff, now: number, hasTime: () => boolean): Promise<number> {
  const cronState = await readCronState(db);
  let after = cronState.get("retention_from") ?? 0;
  let beganAt = cronState.get("retention_began_at") ?? now;
  let deleted = 0;
  for (let page = 0; page < MAX_PAGES && hasTime(); page += 1) {
    const found = await agedEvents(db, after, { cutOff, limit: EVENTS_PER_PAGE });
    const deletable = found.filter(({ isDeletable }) => isDeletable);
    if (deletable.length > 0) deleted += await deleteEvents(db, deletable, cutOff);
    after = found.at(-1)?.seq ?? after;
    if (found.length < EVENTS_PER_PAGE) {
      if (now - beganAt < MS_PER_DAY) break;
      [after, beganAt] = [0, now];
    }
  }
  await writeCronState(db, { retention_from: after, retention_began_at: beganAt }, cronState);
  return deleted;
}
