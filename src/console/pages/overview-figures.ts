import { type Counters, boundOf, sumOf } from "../../domain/counters.ts";
import { isBalanced } from "../../domain/ledger.ts";
import type { Env } from "../../env.ts";
import { backlogs, readBacklogRow, readRecentRow, recentDeliveries } from "../../store/destination-deliveries.ts";
import { readWaitingRow, whatWaits } from "../../store/condition.ts";
import { outcomesSince, readOutcomeRow } from "../../store/traffic.ts";
import { countNewest } from "../../store/ledger.ts";
import { countsByHour, readCounts, readCountsOfHour, writeCounters } from "../../store/counters.ts";
import { withBacklogs } from "../ui/destination.tsx";

const HOUR_MS = 3_600_000;
const SLOT_MS = 300_000;
const SLOTS = 12;
const HOURS = 24;

const ACKNOWLEDGEMENT = "qonto_relay_acknowledgement_seconds";

/** What the overview shows beside the health, in four D1 calls. */
export async function readFigures(env: Env, counters: Counters, now: number) {
  // The counts of this isolate belong to it.
  await writeCounters(env.DB, counters, now);
  const hourEndsAt = Math.ceil((now + 1) / SLOT_MS) * SLOT_MS;
  const hourSince = hourEndsAt - SLOTS * SLOT_MS;
  const daySince = (Math.floor(now / HOUR_MS) - HOURS + 1) * HOUR_MS;
  const [[outcomes, hours, backlog, recent, waiting], newest] = await Promise.all([
    env.DB.batch([
      outcomesSince(env.DB, hourSince, SLOT_MS),
      countsByHour(env.DB, daySince),
      backlogs(env.DB),
      recentDeliveries(env.DB),
      whatWaits(env.DB),
    ]),
    countNewest(env.DB, { since: now - HOURS * HOUR_MS, until: now + 1 }),
  ]);
  const day = readCounts(hours?.results ?? []);
  const pending = (backlog?.results ?? []).map(readBacklogRow);
  const oldest = pending.map(({ oldestPendingAt }) => oldestPendingAt).filter((at) => at !== null);
  const attempts = sumOf(day, "qonto_relay_attempts_total");
  const delivered = sumOf(day, "qonto_relay_attempts_total", { outcome: "delivered" });
  return {
    hour: { endsAt: hourEndsAt, slots: toSlots((outcomes?.results ?? []).map(readOutcomeRow), hourSince) },
    day: { endsAt: daySince + HOURS * HOUR_MS, slots: toHours((hours?.results ?? []).map(readCountsOfHour), daySince) },
    acknowledgement: { p50Ms: boundOf(day, ACKNOWLEDGEMENT, 0.5), p99Ms: boundOf(day, ACKNOWLEDGEMENT, 0.99) },
    attempts: { delivered, failed: attempts - delivered },
    ended: {
      delivered: sumOf(day, "qonto_relay_deliveries_total", { status: "delivered" }),
      dead: sumOf(day, "qonto_relay_deliveries_total", { status: "dead" }),
    },
    oldestPendingAt: oldest.length === 0 ? null : Math.min(...oldest),
    waiting: readWaitingRow(waiting?.results[0]),
    ledger: { ...newest, isBalanced: isBalanced(newest.ledger) },
    destinations: withBacklogs((recent?.results ?? []).map(readRecentRow), pending),
  };
}

export type OverviewFigures = Awaited<ReturnType<typeof readFigures>>;

function toSlots(rows: readonly ReturnType<typeof readOutcomeRow>[], since: number) {
  return Array.from({ length: SLOTS }, (_, slot) => ({
    startsAt: since + slot * SLOT_MS,
    counts: Object.fromEntries(rows.filter((row) => row.slot === slot).map(({ outcome, events }) => [outcome, events])),
  }));
}

function toHours(hours: readonly ReturnType<typeof readCountsOfHour>[], since: number) {
  return Array.from({ length: HOURS }, (_, hour) => {
    const startsAt = since + hour * HOUR_MS;
    const counts = hours.find((one) => one.startsAt === startsAt)?.counts ?? {};
    const events = (outcome: string) => sumOf(counts, "qonto_relay_events_total", { outcome });
    return {
      startsAt,
      counts: {
        accepted: events("accepted"),
        duplicate: events("duplicate"),
        quarantined: events("quarantined"),
        refused: sumOf(counts, "qonto_relay_refusals_total"),
      },
    };
  });
}
