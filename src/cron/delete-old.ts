import type { Database } from "../store/database.ts";
import { readCronState, writeCronState } from "../store/cron-state.ts";
import { firstIdAt } from "../platform/sortable-id.ts";
import { AUDIT_PREFIX } from "../store/audit.ts";
import { type CutOff, agedEvents, deleteEvents, deleteOthers } from "../store/retention.ts";
import type { CronRun } from "./cron-task.ts";

const MS_PER_DAY = 86_400_000;

/** What has not come to a good end is kept so many times as long. */
const LONGER_FOR_THE_DEAD = 2;

/** About 10 ms of D1, also with five deliveries each: what receives meanwhile hardly waits. Of 1,000 it is 100 ms. */
const EVENTS_PER_PAGE = 200;

/**
 * 20,000 events a minute are 333 a second: a relay that takes 250 a second does not grow for ever. A page is two calls of
 * some 50 ms, so all of them take 10 s and a second of it is D1's. Where D1 is slower, the rest is for the next run: a third
 * of the minute is enough for one task.
 */
const MAX_PAGES = 100;
const MAX_MS = 20_000;

/** Longer than a year, for those who look back once a year. */
const AUDIT_DAYS = 400;

/** Each may hold a body. */
const OTHERS_PER_RUN = 100;

/**
 * Deletes what has had its time, in small pages: delivered and unmatched events with their deliveries, those with a dead
 * delivery after twice as long, never one with a pending delivery or one that holds the latest state of its resource; then
 * quarantine, dead letters and replays.
 */
export async function deleteWhatIsOld({ env, world, config }: CronRun) {
  // Nothing is deleted on a guess.
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

/** A look begins behind the last event of the one before; at the first event again once a day, for what has been needed longer. */
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
  await writeCronState(db, { retention_from: after, retention_began_at: beganAt });
  return deleted;
}
