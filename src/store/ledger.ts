import { z } from "zod";
import type { Database } from "./database.ts";
import { type Ledger, type LedgerByHour, type Span, addLedgers, emptyAccount, emptyLedger } from "../domain/ledger.ts";
import { deliveryStatus } from "./deliveries.ts";
import { withFoundSql } from "./each-key.ts";
import { firstSeqAtSql } from "./event-order.ts";
import { eventStateSql, eventStates, isFirstSuccessSql, hasNoDeliverySql, recipientsSql } from "./event-progress.ts";
import { isReconciledSql } from "./events.ts";
import {
  type LedgerMoment,
  ledgerMoment,
  readHour,
  readMoment,
  rememberHours,
  rememberedHours,
} from "./ledger-hours.ts";
import { isOperationalSql } from "./operational-events.ts";
import { isWaitingSql } from "./quarantine.ts";
import { rowsOf } from "./rows.ts";
import { MS_PER_HOUR, hourOf } from "./counters.ts";

/** Walks over the copies that wait, which are bounded. */
export const quarantinedSql = `
  SELECT count(*) AS events FROM quarantine INDEXED BY quarantine_waiting
  WHERE received_at >= ?1 AND received_at < ?2 AND ${isWaitingSql}`;

/** Walks over the events with duplicates. */
export const repeatedSql = `
  SELECT coalesce(sum(duplicates), 0) AS duplicates, coalesce(sum(conflicts), 0) AS conflicts
  FROM events INDEXED BY events_repeated
  WHERE (duplicates > 0 OR conflicts > 0) AND seq >= ${firstSeqAtSql("?1")} AND seq < ${firstSeqAtSql("?2")}`;

const quarantinedRow = z.object({ events: z.number() });
const repeatedRow = z.object({ duplicates: z.number(), conflicts: z.number() });

/** Two statements that count what is beside the events of a span, however long it is; their results are for `readBeside`. */
function beside(db: Database, { since, until }: Span): D1PreparedStatement[] {
  return [db.prepare(quarantinedSql).bind(since, until), db.prepare(repeatedSql).bind(since, until)];
}

function readBeside(quarantined: D1Result | undefined, repeated: D1Result | undefined): Ledger {
  const { events } = quarantinedRow.parse(quarantined?.results[0]);
  return { ...emptyLedger, received: events, quarantined: events, ...repeatedRow.parse(repeated?.results[0]) };
}

/**
 * Counts what was received in a span. Remembered hours are not counted again, and hours that can be remembered are, at `now`.
 * Rows read: one for each remembered hour, and for the rest what `countPages` says.
 */
export async function countLedger(db: Database, span: Span, now: number): Promise<Ledger> {
  const [moment, quarantined, repeated, hours] = await db.batch([
    ledgerMoment(db),
    ...beside(db, span),
    rememberedHours(db, span),
  ]);
  const known = new Map((hours?.results ?? []).map(readHour));
  let ledger = known.values().reduce(addLedgers, readBeside(quarantined, repeated));
  for (const gap of gapsBetween(known.keys(), span)) {
    ledger = addLedgers(ledger, await countAndRemember(db, gap, readMoment(moment?.results[0]), now));
  }
  return ledger;
}

/** The same, counted from the rows alone: what is remembered must agree. */
export async function countLedgerFromRows(db: Database, span: Span): Promise<Ledger> {
  const [quarantined, repeated] = await db.batch(beside(db, span));
  return addLedgers(readBeside(quarantined, repeated), await countRows(db, span));
}

/** Counts an hour from its rows. */
export function countHour(db: Database, hour: number): Promise<Ledger> {
  return countRows(db, { since: hour * MS_PER_HOUR, until: (hour + 1) * MS_PER_HOUR });
}

async function countRows(db: Database, span: Span): Promise<Ledger> {
  let ledger = emptyLedger;
  for await (const { added } of countPages(db, span)) ledger = added.values().reduce(addLedgers, ledger);
  return ledger;
}

/** Counts a span hour by hour. Each whole hour is remembered at once, so that a count that is cut short need not repeat it. */
export async function countAndRemember(
  db: Database,
  { since, until }: Span,
  moment: LedgerMoment,
  now: number,
): Promise<Ledger> {
  const counted = new Map<number, Ledger>();
  let from = since;
  for await (const { added, reached } of countPages(db, { since, until })) {
    for (const [hour, ledger] of added) counted.set(hour, addLedgers(counted.get(hour) ?? emptyLedger, ledger));
    await rememberHours(db, { since: from, until: reached }, counted, moment, now);
    // The next page begins in the middle of an hour.
    from = Math.max(from, Math.floor(reached / MS_PER_HOUR) * MS_PER_HOUR);
  }
  return counted.values().reduce(addLedgers, emptyLedger);
}

export const laterEventSql = `
  SELECT received_at AS at FROM events WHERE seq >= ${firstSeqAtSql("?1")} + ?2 ORDER BY seq LIMIT 1`;

/** The hour after the one in which the count of events received since a time reaches `events`; null when it does not. */
export async function hourAfter(db: Database, since: number, events: number): Promise<number | null> {
  const at = readTime(await db.prepare(laterEventSql).bind(since, events).first());
  return at === null ? null : hourOf(at) + 1;
}

/** What is left of a span without some of its hours, which are in order. */
function gapsBetween(hours: Iterable<number>, { since, until }: Span): Span[] {
  const gaps: Span[] = [];
  let from = since;
  for (const hour of hours) {
    if (hour * MS_PER_HOUR > from) gaps.push({ since: from, until: hour * MS_PER_HOUR });
    from = (hour + 1) * MS_PER_HOUR;
  }
  return from < until ? [...gaps, { since: from, until }] : gaps;
}

/** Events that a page of the console has counted at each view. */
const NEWEST = 200;

export const newestPageSql = `
  SELECT received_at AS at FROM events
  WHERE seq >= ${firstSeqAtSql("?2")} - ${NEWEST} AND ${firstSeqAtSql("?2")} - ${NEWEST} > ${firstSeqAtSql("?1")}
  ORDER BY seq LIMIT 1`;

/**
 * Counts the newest events of a span: two D1 calls, however many there are. The answer's `since` is later than that of the span
 * when not all are counted.
 */
export async function countNewest(
  db: Database,
  { since, until }: Span,
): Promise<{ readonly ledger: Ledger; readonly since: number }> {
  const from = readTime(await db.prepare(newestPageSql).bind(since, until).first()) ?? since;
  const counted: Span = { since: from, until };
  const [quarantined, repeated, ...page] = await db.batch([...beside(db, counted), ...pageStatements(db, counted)]);
  return {
    ledger: readPage(page).values().reduce(addLedgers, readBeside(quarantined, repeated)),
    since: from,
  };
}

/**
 * The ledger is counted from the rows themselves, in pages, so that D1 can do other work between; the statements of a page see
 * the same moment, and each event and its deliveries are in one page: that of the events received from ?1, before ?2. It is a
 * ledger of what Qonto sends: operational events and their deliveries are not in it.
 */
const ofPageSql = `
  seq >= ${firstSeqAtSql("?1")} AND seq < ${firstSeqAtSql("?2")} AND NOT ${isOperationalSql("events.id")}`;

const hourSql = `received_at / ${MS_PER_HOUR} AS hour`;

/** Events of a page: a fraction of a second's work for D1. Those of one millisecond stay together. */
const PAGE = 5_000;

export const nextPageSql = `
  SELECT max(received_at, ?1 + 1) AS at FROM events
  WHERE seq >= ${firstSeqAtSql("?1")} + ${PAGE} AND seq < ${firstSeqAtSql("?2")} ORDER BY seq LIMIT 1`;

export const receivedSql = `SELECT ${hourSql}, count(*) AS events FROM events WHERE ${ofPageSql} GROUP BY hour`;

export const statesSql = `
  SELECT hour, state, count(*) AS events, sum(${isReconciledSql("id")}) AS reconciled
  FROM (SELECT id, ${hourSql}, ${eventStateSql} AS state FROM events WHERE ${ofPageSql})
  GROUP BY hour, state`;

/** What the events say of deliveries. */
export const recipientsOfPageSql = `
  SELECT ${hourSql}, recipient.key AS destinationId, count(*) AS expected,
    sum(${isFirstSuccessSql}) AS delivered, sum(${hasNoDeliverySql}) AS unwritten
  FROM events CROSS JOIN ${recipientsSql} WHERE ${ofPageSql} GROUP BY hour, recipient.key`;

/** What the rows of deliveries say, those to removed destinations included. */
export const rowsOfPageSql = `
  ${withFoundSql("destination_id", "deliveries")}
  SELECT ${hourSql}, found.id AS destinationId, deliveries.status, count(*) AS deliveries
  FROM found CROSS JOIN deliveries ON deliveries.destination_id = found.id
    AND received_at >= ?1 AND received_at < ?2 AND NOT ${isOperationalSql("deliveries.event_id")}
  GROUP BY hour, found.id, deliveries.status`;

const receivedRow = z.object({ hour: z.number(), events: z.number() });
const stateRow = z.object({
  hour: z.number(),
  state: z.enum(eventStates),
  events: z.number(),
  reconciled: z.number(),
});
const recipientsRow = z.object({
  hour: z.number(),
  destinationId: z.string(),
  expected: z.number(),
  delivered: z.number(),
  unwritten: z.number(),
});
const deliveriesRow = z.object({
  hour: z.number(),
  destinationId: z.string(),
  status: deliveryStatus,
  deliveries: z.number(),
});

/**
 * Counts what was received in a span, page by page: yields what each page adds, and the time up to which all is counted. Rows
 * read: about two for each event, and for each of its deliveries.
 */
async function* countPages(
  db: Database,
  { since, until }: Span,
): AsyncGenerator<{ readonly added: LedgerByHour; readonly reached: number }> {
  for (let from: number | null = since; from !== null;) {
    const next: number | null = readTime(await db.prepare(nextPageSql).bind(from, until).first());
    const reached: number = next ?? until;
    yield { added: readPage(await db.batch(pageStatements(db, { since: from, until: reached }))), reached };
    from = next;
  }
}

const timeRow = z.object({ at: z.number() }).nullable();

function readTime(row: unknown): number | null {
  return timeRow.parse(row)?.at ?? null;
}

/** Statements that count a time; their results are for `readPage`. */
function pageStatements(db: Database, { since, until }: Span): D1PreparedStatement[] {
  return [receivedSql, statesSql, recipientsOfPageSql, rowsOfPageSql].map((countingSql) =>
    db.prepare(countingSql).bind(since, until),
  );
}

/** A destination that only one side names has an account as well, which then does not balance. */
function readPage([received, states, recipients, deliveries]: readonly D1Result[]): LedgerByHour {
  const byHour = new Map<number, Ledger>();
  const add = (hour: number, part: Partial<Ledger>) =>
    byHour.set(hour, addLedgers(byHour.get(hour) ?? emptyLedger, { ...emptyLedger, ...part }));
  for (const { hour, events } of rowsOf(receivedRow, received)) add(hour, { received: events });
  for (const { hour, state, events, reconciled } of rowsOf(stateRow, states)) {
    add(hour, { [state]: events, reconciled });
  }
  for (const { hour, destinationId, ...counts } of rowsOf(recipientsRow, recipients)) {
    add(hour, { accounts: [{ ...emptyAccount(destinationId), ...counts }] });
  }
  for (const { hour, destinationId, status, deliveries: rows } of rowsOf(deliveriesRow, deliveries)) {
    add(hour, { accounts: [{ ...emptyAccount(destinationId), [status]: rows }] });
  }
  return byHour;
}
