import { z } from "zod";
import { writeAll } from "./batch.ts";
import { type Database, write } from "./database.ts";
import { type Ledger, type LedgerByHour, type Span, emptyAccount, emptyLedger, isSettled } from "../domain/ledger.ts";
import { inParameters, reader, rowsOf } from "./rows.ts";
import { MS_PER_HOUR, hourOf } from "./counters.ts";

/**
 * The ledger remembers the counts of each hour that is closed: a younger event is recorded, so none can be added, and no delivery
 * is pending. Only a replay (replay-deliveries.ts) and retention (retention.ts) change such an hour, and both forget it in the
 * same transaction. Duplicates and conflicts may come at any time, so they are not remembered.
 */

const hourRow = z.object({ hour: z.number(), counts: z.string() });

/** `counts` is JSON, as it is kept. */
export type RememberedHour = z.output<typeof hourRow>;

const changesSql = "coalesce((SELECT value FROM cron_state WHERE name = 'ledger_changes'), 0)";

const firstAtSql = "(SELECT received_at FROM events WHERE seq = (SELECT min(seq) FROM events))";

export const momentSql = `
  SELECT ${firstAtSql} AS firstAt,
    (SELECT received_at FROM events WHERE seq = (SELECT max(seq) FROM events)) AS newestAt, ${changesSql} AS changes`;

/** A statement; its row is for `readMoment`. */
export function ledgerMoment(db: Database): D1PreparedStatement {
  return db.prepare(momentSql);
}

export const readMoment = reader({
  /** Receipt of the first event and of the newest, Unix milliseconds; null without events. */
  firstAt: z.number().nullable(),
  newestAt: z.number().nullable(),
  /** How often closed hours have been changed. */
  changes: z.number(),
});

/** The state of the events when a count begins. */
export type LedgerMoment = ReturnType<typeof readMoment>;

export const hoursSql = "SELECT hour, counts FROM ledger_hours WHERE hour >= ?1 AND hour < ?2 ORDER BY hour";

/** A statement for the remembered hours that are wholly in a span; its rows are for `readHour`. */
export function rememberedHours(db: Database, { since, until }: Span): D1PreparedStatement {
  return db.prepare(hoursSql).bind(Math.ceil(since / MS_PER_HOUR), hourOf(until));
}

/** The first hour from `from` on, before `end`, that is not remembered; `end` without one. */
export async function firstUnkeptHour(db: Database, from: number, end: number): Promise<number> {
  const remembered = await rememberedHours(db, { since: from * MS_PER_HOUR, until: end * MS_PER_HOUR }).all();
  const hours = new Set(rowsOf(hourRow, remembered).map(({ hour }) => hour));
  let hour = from;
  while (hour < end && hours.has(hour)) hour += 1;
  return hour;
}

/** Nothing is pending in a closed hour. */
const countsOfHour = z.object({
  received: z.number(),
  settled: z.number(),
  unmatched: z.number(),
  reconciled: z.number(),
  accounts: z.array(
    z.object({ destinationId: z.string(), expected: z.number(), delivered: z.number(), dead: z.number() }),
  ),
});

/** An hour and its ledger. */
export function readHour(row: unknown): [number, Ledger] {
  const { hour, counts } = hourRow.parse(row);
  const { accounts, ...states } = countsOfHour.parse(JSON.parse(counts));
  const ledger = {
    ...emptyLedger,
    ...states,
    accounts: accounts.map((account) => ({ ...emptyAccount(account.destinationId), ...account })),
  };
  return [hour, ledger];
}

/** The same ledger is the same text. */
export function writeCounts(ledger: Ledger): string {
  return JSON.stringify(countsOfHour.parse(ledger));
}

/** Unless a closed hour has been changed since the moment from which they were counted. */
export const rememberHoursSql = `
  INSERT INTO ledger_hours (hour, counts, checked_at)
  SELECT value ->> 'hour', value ->> 'counts', ?2 FROM json_each(?1) WHERE ${changesSql} = ?3
  ON CONFLICT (hour) DO NOTHING`;

/** Six weeks: a relay that got nothing for years has many empty hours. */
export const MOST_HOURS = 1_000;

/**
 * Remembers the closed hours of a span, the first MOST_HOURS of them. Empty ones as well, so that their rows are not looked for
 * again. `moment`: from before the first of them was counted. Rows written: 1 for each hour.
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
    await write(db, db.prepare(rememberHoursSql).bind(rows, now, moment.changes));
  }
}

export const forgetHoursSql = `
  DELETE FROM ledger_hours
  WHERE hour IN (SELECT (value ->> 'receivedAt') / ${MS_PER_HOUR} FROM json_each(?1))`;

export const countChangeSql = `
  INSERT INTO cron_state (name, value) VALUES ('ledger_changes', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1`;

/**
 * Statements for the transaction that changes settled events or their deliveries. They forget the hours of `events`, a JSON list
 * of rows with `receivedAt`, and whatever is being counted now is not remembered. Rows written: 1, and 1 for each hour.
 */
export function forgetHours(db: Database, events: string): D1PreparedStatement[] {
  return [db.prepare(forgetHoursSql).bind(events), db.prepare(countChangeSql)];
}

/** The hour that has not been checked for the longest time. */
export const leastCheckedSql = "SELECT hour, counts FROM ledger_hours ORDER BY checked_at, hour LIMIT 1";

/** Empty hours before the first event. Those with events go when retention deletes the events. */
export const forgetPastSql = `
  DELETE FROM ledger_hours
  WHERE hour < ${firstAtSql} / ${MS_PER_HOUR} AND counts ->> 'received' = 0`;

/** The remembered hour that is to be checked next, null when there is none. Forgets hours that nobody needs. */
export async function findLeastChecked(
  db: Database,
): Promise<{ readonly moment: LedgerMoment; readonly least: RememberedHour | null }> {
  const { moment, least } = await writeAll(db, {
    past: db.prepare(forgetPastSql),
    moment: ledgerMoment(db),
    least: db.prepare(leastCheckedSql),
  });
  return { moment: readMoment(moment.rows[0]), least: least.rows.map((row) => hourRow.parse(row))[0] ?? null };
}

/** Unless this or any other closed hour has been changed since the moment from which it was counted. */
const asItWasSql = `hour = ?1 AND counts = ?2 AND ${changesSql} = ?3`;
export const confirmHourSql = `UPDATE ledger_hours SET counts = ?4, checked_at = ?5 WHERE ${asItWasSql}`;
export const forgetHourSql = `DELETE FROM ledger_hours WHERE ${asItWasSql}`;

/** Replaces what is remembered by what the rows say. Returns false when they have been changed meanwhile. */
export async function confirmHour(
  db: Database,
  { hour, counts }: RememberedHour,
  truth: Ledger,
  moment: LedgerMoment,
  now: number,
): Promise<boolean> {
  const parameters = [hour, counts, moment.changes];
  const statement = isSettled(truth)
    ? db.prepare(confirmHourSql).bind(...parameters, writeCounts(truth), now)
    : db.prepare(forgetHourSql).bind(...parameters);
  return (await write(db, statement)).meta.changes > 0;
}
