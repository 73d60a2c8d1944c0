import { z } from "zod";
import { type Database, retried } from "./database.ts";
import { type Ledger, emptyAccount, emptyLedger, isSettled } from "../domain/ledger.ts";
import type { LedgerByHour, Span } from "./ledger-rows.ts";
import { inParameters } from "./parameters.ts";
import { MS_PER_HOUR, hourOf } from "./counters.ts";

/**
 * What the ledger has counted is remembered for each hour that has come to its end: a younger event is recorded, behind which
 * no older one can be (event-order.ts), and none of its deliveries is pending. Only two things change such an hour, and both
 * forget it in the same transaction: a replay (replay-deliveries.ts) and retention (retention.ts). Duplicates and conflicts may
 * come at any time; they are not remembered.
 */

export interface RememberedHour {
  readonly hour: number;
  /** JSON, as it is kept. */
  readonly counts: string;
}

/** How the events stand as a count begins. */
export interface LedgerMoment {
  /** Receipt of the first event and of the newest, Unix milliseconds; null without events. */
  readonly firstAt: number | null;
  readonly newestAt: number | null;
  /** How often hours that had come to their end were changed until then. */
  readonly changes: number;
}

const changesSql = "coalesce((SELECT value FROM cron_state WHERE name = 'ledger_changes'), 0)";

const firstAtSql = "(SELECT received_at FROM events WHERE seq = (SELECT min(seq) FROM events))";

export const momentSql = `
  SELECT ${firstAtSql} AS first_at,
    (SELECT received_at FROM events WHERE seq = (SELECT max(seq) FROM events)) AS newest_at, ${changesSql} AS changes`;

/** A statement; its row is for `readMoment`. */
export function ledgerMoment(db: Database): D1PreparedStatement {
  return db.prepare(momentSql);
}

const momentRow = z
  .object({ first_at: z.number().nullable(), newest_at: z.number().nullable(), changes: z.number() })
  .transform((row): LedgerMoment => ({ firstAt: row.first_at, newestAt: row.newest_at, changes: row.changes }));

export function readMoment(row: unknown): LedgerMoment {
  return momentRow.parse(row);
}

export const hoursSql = "SELECT hour, counts FROM ledger_hours WHERE hour >= ?1 AND hour < ?2 ORDER BY hour";

/** A statement for what is remembered of the hours that are wholly in a time; its rows are for `readHour`. */
export function rememberedHours(db: Database, { since, until }: Span): D1PreparedStatement {
  return db.prepare(hoursSql).bind(Math.ceil(since / MS_PER_HOUR), hourOf(until));
}

/** The first hour from `from` on, before `end`, that is not remembered; `end` without one. */
export async function firstUnkeptHour(db: Database, from: number, end: number): Promise<number> {
  const { results } = await rememberedHours(db, { since: from * MS_PER_HOUR, until: end * MS_PER_HOUR }).all();
  const hours = new Set(results.map((row) => hourRow.parse(row).hour));
  let hour = from;
  while (hour < end && hours.has(hour)) hour += 1;
  return hour;
}

const countsOfHour = z.object({
  received: z.number(),
  settled: z.number(),
  unmatched: z.number(),
  reconciled: z.number(),
  accounts: z.array(
    z.object({ destination_id: z.string(), expected: z.number(), delivered: z.number(), dead: z.number() }),
  ),
});

const hourRow = z.object({ hour: z.number(), counts: z.string() });

export function readHour(row: unknown): { readonly hour: number; readonly ledger: Ledger } {
  const { hour, counts } = hourRow.parse(row);
  const { accounts, ...states } = countsOfHour.parse(JSON.parse(counts));
  return {
    hour,
    ledger: {
      ...emptyLedger,
      ...states,
      accounts: accounts.map(({ destination_id, ...account }) => ({ ...emptyAccount(destination_id), ...account })),
    },
  };
}

/** The same ledger is the same text. */
export function writeCounts({ received, settled, unmatched, reconciled, accounts }: Ledger): string {
  return JSON.stringify({
    received,
    settled,
    unmatched,
    reconciled,
    accounts: accounts.map(({ destinationId, expected, delivered, dead }) => ({
      destination_id: destinationId,
      expected,
      delivered,
      dead,
    })),
  } satisfies z.input<typeof countsOfHour>);
}

/** Not if an hour has been changed since the moment from which they were counted. */
export const rememberHoursSql = `
  INSERT INTO ledger_hours (hour, counts, checked_at)
  SELECT value ->> 'hour', value ->> 'counts', ?2 FROM json_each(?1) WHERE ${changesSql} = ?3
  ON CONFLICT (hour) DO NOTHING`;

/** Six weeks: a relay that has been still for years has many empty ones. */
export const MOST_HOURS = 1_000;

/**
 * Remembers the hours of a time that have come to their end, empty ones as well, so that nobody looks for their rows again;
 * the first of them if they are very many. `moment`: from before the first of them was counted. Rows written: 1 for each hour.
 */
export async function rememberHours(
  db: Database,
  { since, until }: Span,
  counted: LedgerByHour,
  moment: LedgerMoment,
  now: number,
): Promise<void> {
  if (moment.firstAt === null || moment.newestAt === null) return;
  const first = Math.max(Math.ceil(since / MS_PER_HOUR), hourOf(moment.firstAt));
  const end = Math.min(hourOf(until), hourOf(moment.newestAt), first + MOST_HOURS);
  const hours = Array.from({ length: Math.max(0, end - first) }, (_, index) => first + index).flatMap((hour) => {
    const ledger = counted.get(hour) ?? emptyLedger;
    return isSettled(ledger) ? [JSON.stringify({ hour, counts: writeCounts(ledger) })] : [];
  });
  for (const rows of inParameters(hours)) {
    await retried(db, () => db.prepare(rememberHoursSql).bind(rows, now, moment.changes).run());
  }
}

export const forgetHoursSql = `
  DELETE FROM ledger_hours
  WHERE hour IN (SELECT (value ->> 'received_at') / ${MS_PER_HOUR} FROM json_each(?1))`;

export const countChangeSql = `
  INSERT INTO cron_state (name, value) VALUES ('ledger_changes', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1`;

/**
 * Statements for the transaction that changes settled events or their deliveries: the hours of `events`, a JSON list of rows
 * with `received_at`, are lost, and what is being counted of them is not remembered. Rows written: 1, and 1 for each hour.
 */
export function forgetHours(db: Database, events: string): D1PreparedStatement[] {
  return [db.prepare(forgetHoursSql).bind(events), db.prepare(countChangeSql)];
}

/** The one that was counted from the rows the longest time ago. */
export const leastCheckedSql = "SELECT hour, counts FROM ledger_hours ORDER BY checked_at, hour LIMIT 1";

/** Empty hours before the first event that is left: those that had events went with them. */
export const forgetPastSql = `
  DELETE FROM ledger_hours
  WHERE hour < ${firstAtSql} / ${MS_PER_HOUR} AND counts ->> 'received' = 0`;

/** The remembered hour that is to be checked next, null when there is none; forgets those that nobody needs. */
export async function findLeastChecked(
  db: Database,
): Promise<{ readonly moment: LedgerMoment; readonly least: RememberedHour | null }> {
  const [, moment, least] = await retried(db, () =>
    db.batch([db.prepare(forgetPastSql), ledgerMoment(db), db.prepare(leastCheckedSql)]),
  );
  const [row] = least?.results ?? [];
  return { moment: readMoment(moment?.results[0]), least: row === undefined ? null : hourRow.parse(row) };
}

/** Not if it, or any other hour, has been changed since the moment from which it was counted. */
const asItWasSql = `hour = ?1 AND counts = ?2 AND ${changesSql} = ?3`;
export const confirmHourSql = `UPDATE ledger_hours SET counts = ?4, checked_at = ?5 WHERE ${asItWasSql}`;
export const forgetHourSql = `DELETE FROM ledger_hours WHERE ${asItWasSql}`;

/** Puts what the rows say in place of what is remembered; returns whether that was possible. */
export async function confirmHour(
  db: Database,
  { hour, counts }: RememberedHour,
  truth: Ledger,
  moment: LedgerMoment,
  now: number,
): Promise<boolean> {
  const parameters = [hour, counts, moment.changes];
  const { meta } = await retried(db, () =>
    (isSettled(truth)
      ? db.prepare(confirmHourSql).bind(...parameters, writeCounts(truth), now)
      : db.prepare(forgetHourSql).bind(...parameters)
    ).run(),
  );
  return meta.changes > 0;
}
