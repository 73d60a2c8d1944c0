import { z } from "zod";
import type { Database } from "./database.ts";
import { type Ledger, addLedgers, emptyLedger } from "../domain/ledger.ts";
import { firstSeqAtSql } from "./event-order.ts";
import {
  type LedgerMoment,
  ledgerMoment,
  readHour,
  readMoment,
  rememberHours,
  rememberedHours,
} from "./ledger-hours.ts";
import { type LedgerByHour, type Span, countPages, pageStatements, readPage, readTime } from "./ledger-rows.ts";
import { isWaitingSql } from "./quarantine.ts";
import { MS_PER_HOUR, hourOf } from "./counters.ts";

/** Walks over what waits, which is bounded. */
export const quarantinedSql = `
  SELECT count(*) AS events FROM quarantine INDEXED BY quarantine_waiting
  WHERE received_at >= ?1 AND received_at < ?2 AND ${isWaitingSql}`;

/** Walks over the events that came again. */
export const repeatedSql = `
  SELECT coalesce(sum(duplicates), 0) AS duplicates, coalesce(sum(conflicts), 0) AS conflicts
  FROM events INDEXED BY events_repeated
  WHERE (duplicates > 0 OR conflicts > 0) AND seq >= ${firstSeqAtSql("?1")} AND seq < ${firstSeqAtSql("?2")}`;

const countRow = z.object({ events: z.number() });
const repeatedRow = z.object({ duplicates: z.number(), conflicts: z.number() });

/** What is counted at once, however much there is: two statements, for `readBeside`. */
function beside(db: Database, { since, until }: Span): D1PreparedStatement[] {
  return [db.prepare(quarantinedSql).bind(since, until), db.prepare(repeatedSql).bind(since, until)];
}

function readBeside(quarantined: D1Result | undefined, repeated: D1Result | undefined): Ledger {
  const { events } = countRow.parse(quarantined?.results[0]);
  return { ...emptyLedger, received: events, quarantined: events, ...repeatedRow.parse(repeated?.results[0]) };
}

/**
 * Counts what was received in a time. Hours that are remembered are not counted again; those that can be remembered are, at
 * `now`. Rows read: one for each hour that is remembered, and of the rest what `countPages` says.
 */
export async function countLedger(db: Database, span: Span, now: number): Promise<Ledger> {
  const [moment, quarantined, repeated, hours] = await db.batch([
    ledgerMoment(db),
    ...beside(db, span),
    rememberedHours(db, span),
  ]);
  const known = (hours?.results ?? []).map(readHour);
  const gaps = gapsBetween(
    known.map(({ hour }) => hour),
    span,
  );
  let ledger = known.reduce((sum, one) => addLedgers(sum, one.ledger), readBeside(quarantined, repeated));
  for (const gap of gaps) {
    const counted = await countAndRemember(db, gap, readMoment(moment?.results[0]), now);
    ledger = [...counted.values()].reduce(addLedgers, ledger);
  }
  return ledger;
}

/** The same, counted from the rows alone: what is remembered must say no other. */
export async function countLedgerFromRows(db: Database, span: Span): Promise<Ledger> {
  const [quarantined, repeated] = await db.batch(beside(db, span));
  let ledger = readBeside(quarantined, repeated);
  for await (const { added } of countPages(db, span)) ledger = [...added.values()].reduce(addLedgers, ledger);
  return ledger;
}

/** Counts a time hour by hour; each whole hour is remembered at once, so that a count that is cut short need not repeat it. */
export async function countAndRemember(
  db: Database,
  { since, until }: Span,
  moment: LedgerMoment,
  now: number,
): Promise<LedgerByHour> {
  const counted = new Map<number, Ledger>();
  let from = since;
  for await (const { added, reached } of countPages(db, { since, until })) {
    for (const [hour, ledger] of added) counted.set(hour, addLedgers(counted.get(hour) ?? emptyLedger, ledger));
    await rememberHours(db, { since: from, until: reached }, counted, moment, now);
    // The next page goes on in the middle of an hour.
    from = Math.max(from, Math.floor(reached / MS_PER_HOUR) * MS_PER_HOUR);
  }
  return counted;
}

/** Counts an hour from its rows. */
export async function countHour(db: Database, hour: number): Promise<Ledger> {
  let counted = emptyLedger;
  const span = { since: hour * MS_PER_HOUR, until: (hour + 1) * MS_PER_HOUR };
  for await (const { added } of countPages(db, span)) counted = [...added.values()].reduce(addLedgers, counted);
  return counted;
}

export const behindSql = `
  SELECT received_at AS at FROM events WHERE seq >= ${firstSeqAtSql("?1")} + ?2 ORDER BY seq LIMIT 1`;

/** The hour behind the one in which so many events have been received since a time; null when there were fewer. */
export async function hourBehind(db: Database, since: number, events: number): Promise<number | null> {
  const at = readTime(await db.prepare(behindSql).bind(since, events).first());
  return at === null ? null : hourOf(at) + 1;
}

/** What is left of a time without some of its hours, which are in order. */
function gapsBetween(hours: readonly number[], { since, until }: Span): Span[] {
  const gaps: Span[] = [];
  let from = since;
  for (const hour of hours) {
    if (hour * MS_PER_HOUR > from) gaps.push({ since: from, until: hour * MS_PER_HOUR });
    from = (hour + 1) * MS_PER_HOUR;
  }
  return from < until ? [...gaps, { since: from, until }] : gaps;
}

/** Events that a page of the console has counted, each time that somebody looks at it. */
const NEWEST = 200;

export const newestPageSql = `
  SELECT received_at AS at FROM events
  WHERE seq >= ${firstSeqAtSql("?2")} - ${NEWEST} AND ${firstSeqAtSql("?2")} - ${NEWEST} > ${firstSeqAtSql("?1")}
  ORDER BY seq LIMIT 1`;

/**
 * Counts the newest events of what was received in a time: two D1 calls, however much there is. `since`: of what is counted;
 * later than asked for when it is not all.
 */
export async function countNewest(
  db: Database,
  { since, until }: Span,
): Promise<{ readonly ledger: Ledger; readonly since: number }> {
  const from = readTime(await db.prepare(newestPageSql).bind(since, until).first()) ?? since;
  const counted: Span = { since: from, until };
  const [quarantined, repeated, ...page] = await db.batch([...beside(db, counted), ...pageStatements(db, counted)]);
  return {
    ledger: [...readPage(page).values()].reduce(addLedgers, readBeside(quarantined, repeated)),
    since: from,
  };
}
