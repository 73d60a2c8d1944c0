import { logFailure } from "../platform/log.ts";
import { countAndRemember, countHour, hourBehind } from "../store/ledger.ts";
import {
  type LedgerMoment,
  MOST_HOURS,
  type RememberedHour,
  confirmHour,
  findLeastChecked,
  writeCounts,
} from "../store/ledger-hours.ts";
import { readMarks, writeMarks } from "../store/marks.ts";
import { MS_PER_HOUR, hourOf } from "../store/tallies.ts";
import type { Upkeep } from "./upkeep-task.ts";

/** A thousand events a minute, on average: what receives hardly notices. */
const MS_PER_EVENT = 60;

/** Between two checks: a month of hours is checked within five days. */
const CHECKED_EVERY_MS = 600_000;

/** Events that are counted at once, and the rest of the hour that the last of them is in. */
const EVENTS_AT_ONCE = 1_000;

/**
 * Keeps what the ledger remembers: adds the hours that have come to their end, then counts again from the rows, one by one,
 * those that are remembered, the longest unchecked first.
 */
export async function keepLedger({ env, world }: Upkeep) {
  const now = world.now();
  const marks = await readMarks(env.DB);
  if (now < (marks.get("ledger_due_at") ?? 0)) return {};
  const { moment, least } = await findLeastChecked(env.DB);
  if (moment.firstAt === null || moment.newestAt === null) return {};
  const from = Math.max(marks.get("ledger_kept_until") ?? 0, hourOf(moment.firstAt));
  // Retries have had an hour to end what was pending. What is pending still is left to whoever asks for the ledger.
  const end = hourOf(moment.newestAt - MS_PER_HOUR);
  if (from < end) {
    const until = Math.min(
      end,
      from + MOST_HOURS,
      (await hourBehind(env.DB, from * MS_PER_HOUR, EVENTS_AT_ONCE)) ?? end,
    );
    const span = { since: from * MS_PER_HOUR, until: until * MS_PER_HOUR };
    const counted = await countAndRemember(env.DB, span, moment, now);
    const events = counted.values().reduce((sum, { received }) => sum + received, 0);
    await writeMarks(env.DB, { ledger_kept_until: until, ledger_due_at: now + events * MS_PER_EVENT });
    return { ledger_events: events };
  }
  if (least === null) return {};
  const events = await checkHour({ env, world }, least, moment);
  await writeMarks(env.DB, { ledger_due_at: now + Math.max(CHECKED_EVERY_MS, events * MS_PER_EVENT) });
  return { ledger_events: events };
}

/** Returns how many events were counted. What has been changed meanwhile is not judged. */
async function checkHour(
  { env, world }: Pick<Upkeep, "env" | "world">,
  remembered: RememberedHour,
  moment: LedgerMoment,
): Promise<number> {
  const counted = await countHour(env.DB, remembered.hour);
  const isTrue = await confirmHour(env.DB, remembered, counted, moment, world.now());
  if (isTrue && writeCounts(counted) !== remembered.counts) {
    logFailure("keep-ledger", new Error("The rows of an hour say something else than they did"), {
      hour: new Date(remembered.hour * MS_PER_HOUR).toISOString(),
      remembered: remembered.counts,
      counted: writeCounts(counted),
    });
    await writeMarks(env.DB, { ledger_drifted_at: world.now() });
  }
  return counted.received;
}
