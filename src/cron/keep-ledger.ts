import { logFailure } from "../platform/log.ts";
import type { Database } from "../store/database.ts";
import { countAndRemember, countHour, hourAfter } from "../store/ledger.ts";
import {
  type LedgerMoment,
  MOST_HOURS,
  type RememberedHour,
  confirmHour,
  firstUnkeptHour,
  findLeastChecked,
  writeCounts,
} from "../store/ledger-hours.ts";
import { readCronState, writeCronState } from "../store/cron-state.ts";
import { MS_PER_HOUR, hourOf } from "../store/counters.ts";
import type { CronRun } from "./cron-task.ts";

/** At most a thousand events a minute are counted again: receiving hardly notices. */
const MS_PER_EVENT = 60;

/** Between two checks. That is some hundred rows read a minute, and a month of hours is checked within three weeks. */
const CHECKED_EVERY_MS = 2_400_000;

/** Events that one run counts for the first time, plus the rest of the last one's hour. */
const EVENTS_AT_ONCE = 1_000;

/**
 * Remembers the counts of closed hours, so that the ledger need not count them at each request. Then checks remembered hours
 * against the rows, one by one, the longest unchecked first.
 */
export async function keepLedger({ env, world }: CronRun) {
  const now = world.now();
  const cronState = await readCronState(env.DB);
  if (now < (cronState.get("ledger_due_at") ?? 0)) return {};
  const { moment, least } = await findLeastChecked(env.DB);
  if (moment.firstAt === null || moment.newestAt === null) return {};
  const keptUntil = Math.max(cronState.get("ledger_kept_until") ?? 0, hourOf(moment.firstAt));
  // Retries have had an hour to end what was pending. An hour with a pending delivery is counted at every request.
  const end = hourOf(moment.newestAt - MS_PER_HOUR);
  if (keptUntil < end) {
    const kept = await keepHours(env.DB, { from: keptUntil, end }, moment, now);
    await writeCronState(env.DB, { ledger_kept_until: kept.until });
    return { ledger_events: kept.events };
  }
  if (least === null) return {};
  const events = await checkHour({ env, world }, least, moment);
  await writeCronState(env.DB, { ledger_due_at: now + Math.max(CHECKED_EVERY_MS, events * MS_PER_EVENT) });
  return { ledger_events: events };
}

/** Remembers the next hours before `end`, with a thousand events or so. Returns the hour that it has reached. */
async function keepHours(
  db: Database,
  { from, end }: { readonly from: number; readonly end: number },
  moment: LedgerMoment,
  now: number,
): Promise<{ readonly until: number; readonly events: number }> {
  const first = await firstUnkeptHour(db, from, end);
  if (first === end) return { until: end, events: 0 };
  const enough = (await hourAfter(db, first * MS_PER_HOUR, EVENTS_AT_ONCE)) ?? end;
  const until = Math.min(end, first + MOST_HOURS, enough);
  const span = { since: first * MS_PER_HOUR, until: until * MS_PER_HOUR };
  const { received } = await countAndRemember(db, span, moment, now);
  return { until, events: received };
}

/** Returns how many events were counted. An hour that has been changed meanwhile is not compared. */
async function checkHour(
  { env, world }: Pick<CronRun, "env" | "world">,
  remembered: RememberedHour,
  moment: LedgerMoment,
): Promise<number> {
  const counted = await countHour(env.DB, remembered.hour);
  const isTrue = await confirmHour(env.DB, remembered, counted, moment, world.now());
  if (isTrue && writeCounts(counted) !== remembered.counts) {
    logFailure("cron", new Error("The rows of an hour differ from what the ledger remembered"), {
      message: "hour.drifted",
      hour: new Date(remembered.hour * MS_PER_HOUR).toISOString(),
      remembered: remembered.counts,
      counted: writeCounts(counted),
    });
    await writeCronState(env.DB, { ledger_drifted_at: world.now() });
  }
  return counted.received;
}
