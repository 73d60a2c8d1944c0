import { z } from "zod";
import type { Database } from "./database.ts";
import { RECONCILED_PREFIX } from "../domain/event.ts";
import { type Ledger, addLedgers, emptyAccount, emptyLedger } from "../domain/ledger.ts";
import { firstSeqAtSql } from "./event-order.ts";
import { eventStateSql, isUnattemptedSql, recipientsSql, isFirstSql } from "./event-progress.ts";
import { MS_PER_HOUR } from "./counters.ts";

/**
 * The ledger is counted from the rows themselves, in pages, so that D1 can do other work between; the statements of a page see
 * the same moment, and each event and its deliveries are in one page: that of the events received from ?1, before ?2.
 */
const ofPageSql = `seq >= ${firstSeqAtSql("?1")} AND seq < ${firstSeqAtSql("?2")}`;

const hourSql = `received_at / ${MS_PER_HOUR} AS hour`;

/** Events of a page, but for those of one millisecond: a fraction of a second's work for D1. */
const PAGE = 5_000;

export const nextPageSql = `
  SELECT max(received_at, ?1 + 1) AS at FROM events
  WHERE seq >= ${firstSeqAtSql("?1")} + ${PAGE} AND seq < ${firstSeqAtSql("?2")} ORDER BY seq LIMIT 1`;

export const receivedSql = `SELECT ${hourSql}, count(*) AS events FROM events WHERE ${ofPageSql} GROUP BY hour`;

export const statesSql = `
  SELECT hour, state, count(*) AS events, sum(id GLOB '${RECONCILED_PREFIX}*') AS reconciled
  FROM (SELECT id, ${hourSql}, ${eventStateSql} AS state FROM events WHERE ${ofPageSql})
  GROUP BY hour, state`;

/** What the events say. */
export const recipientsOfPageSql = `
  SELECT ${hourSql}, recipient.key AS destination_id, count(*) AS expected,
    sum(${isFirstSql}) AS delivered, sum(${isUnattemptedSql}) AS unwritten
  FROM events CROSS JOIN ${recipientsSql} WHERE ${ofPageSql} GROUP BY hour, recipient.key`;

/** What the rows of deliveries say: jumps along the key from one destination to the next, removed ones included. */
export const rowsOfPageSql = `
  WITH RECURSIVE found (id) AS (
    SELECT min(destination_id) FROM deliveries
    UNION ALL
    SELECT (SELECT min(destination_id) FROM deliveries WHERE destination_id > found.id)
    FROM found WHERE found.id IS NOT NULL
  )
  SELECT ${hourSql}, found.id AS destination_id, deliveries.status, count(*) AS deliveries
  FROM found CROSS JOIN deliveries ON deliveries.destination_id = found.id
    AND received_at >= ?1 AND received_at < ?2
  GROUP BY hour, found.id, deliveries.status`;

const receivedRow = z.object({ hour: z.number(), events: z.number() });
const stateRow = z.object({
  hour: z.number(),
  state: z.enum(["pending", "settled", "unmatched"]),
  events: z.number(),
  reconciled: z.number(),
});
const recipientsRow = z.object({
  hour: z.number(),
  destination_id: z.string(),
  expected: z.number(),
  delivered: z.number(),
  unwritten: z.number(),
});
const deliveriesRow = z.object({
  hour: z.number(),
  destination_id: z.string(),
  status: z.enum(["pending", "delivered", "dead"]),
  deliveries: z.number(),
});

const timeRow = z.object({ at: z.number() });

/** Unix milliseconds: from the one, before the other. */
export interface Span {
  readonly since: number;
  readonly until: number;
}

/** Ledgers by the hour of the events' receipt; an hour without any has none. */
export type LedgerByHour = ReadonlyMap<number, Ledger>;

/**
 * Counts what was received in a time, page by page: yields what each page has added, and the time before which all is
 * counted then. Rows read: about two for each event, and for each of its deliveries.
 */
export async function* countPages(
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

export function readTime(row: unknown): number | null {
  return row === null ? null : timeRow.parse(row).at;
}

/** Statements that count a time; their results are for `readPage`. */
export function pageStatements(db: Database, { since, until }: Span): D1PreparedStatement[] {
  return [receivedSql, statesSql, recipientsOfPageSql, rowsOfPageSql].map((countingSql) =>
    db.prepare(countingSql).bind(since, until),
  );
}

/** A destination of which only one side knows has its account as well: that is what must not be. */
export function readPage(results: readonly D1Result[]): LedgerByHour {
  const [received, states, recipients, deliveries] = results.map((result) => result.results);
  const byHour = new Map<number, Ledger>();
  const add = (hour: number, part: Partial<Ledger>) =>
    byHour.set(hour, addLedgers(byHour.get(hour) ?? emptyLedger, { ...emptyLedger, ...part }));
  for (const { hour, events } of z.array(receivedRow).parse(received)) add(hour, { received: events });
  for (const { hour, state, events, reconciled } of z.array(stateRow).parse(states)) {
    add(hour, { [state]: events, reconciled });
  }
  for (const { hour, destination_id, ...counts } of z.array(recipientsRow).parse(recipients)) {
    add(hour, { accounts: [{ ...emptyAccount(destination_id), ...counts }] });
  }
  for (const { hour, destination_id, status, deliveries: rows } of z.array(deliveriesRow).parse(deliveries)) {
    add(hour, { accounts: [{ ...emptyAccount(destination_id), [status]: rows }] });
  }
  return byHour;
}
