import { z } from "zod";
import type { Database } from "./database.ts";
import { RECONCILED_PREFIX } from "../domain/event.ts";
import { type Account, type Ledger, addLedgers, emptyAccount, emptyLedger } from "../domain/ledger.ts";
import { firstSeqAtSql } from "./event-order.ts";
import { eventStateSql, isUnattemptedSql, recipientsSql, isFirstSql } from "./event-progress.ts";
import { isWaitingSql } from "./quarantine.ts";

/**
 * The ledger is counted from the rows themselves, in pages, so that D1 can do other work between; the statements of a page see
 * the same moment, and each event and its deliveries are in one page: that of the events received from ?1, before ?2.
 */
const ofPageSql = `seq >= ${firstSeqAtSql("?1")} AND seq < ${firstSeqAtSql("?2")}`;

/** Events of a page, but for those of one millisecond: a fraction of a second's work for D1. */
const PAGE = 5_000;

export const nextPageSql = `
  SELECT max(received_at, ?1 + 1) AS at FROM events
  WHERE seq >= ${firstSeqAtSql("?1")} + ${PAGE} AND received_at < ?2 ORDER BY seq LIMIT 1`;

/** Events that a page of the console has counted. */
const NEWEST = 500;

export const newestPageSql = `
  SELECT received_at AS at FROM events
  WHERE seq >= ${firstSeqAtSql("?2")} - ${NEWEST} AND ${firstSeqAtSql("?2")} - ${NEWEST} > ${firstSeqAtSql("?1")}
  ORDER BY seq LIMIT 1`;

export const receivedSql = `SELECT count(*) AS events FROM events WHERE ${ofPageSql}`;

export const statesSql = `
  SELECT state, count(*) AS events, sum(duplicates) AS duplicates, sum(conflicts) AS conflicts,
    sum(id GLOB '${RECONCILED_PREFIX}*') AS reconciled
  FROM (SELECT id, ${eventStateSql} AS state, duplicates, conflicts FROM events WHERE ${ofPageSql})
  GROUP BY state`;

/** What the events say. */
export const recipientsOfPageSql = `
  SELECT recipient.key AS destination_id, count(*) AS owed, sum(${isFirstSql}) AS delivered, sum(${isUnattemptedSql}) AS unwritten
  FROM events CROSS JOIN ${recipientsSql} WHERE ${ofPageSql} GROUP BY recipient.key`;

/** What the rows of deliveries say: jumps along the key from one destination to the next, removed ones included. */
export const rowsOfPageSql = `
  WITH RECURSIVE found (id) AS (
    SELECT min(destination_id) FROM deliveries
    UNION ALL
    SELECT (SELECT min(destination_id) FROM deliveries WHERE destination_id > found.id)
    FROM found WHERE found.id IS NOT NULL
  )
  SELECT found.id AS destination_id, deliveries.status, count(*) AS deliveries
  FROM found CROSS JOIN deliveries ON deliveries.destination_id = found.id
    AND received_at >= ?1 AND received_at < ?2
  GROUP BY found.id, deliveries.status`;

export const quarantinedSql = `
  SELECT count(*) AS events FROM quarantine WHERE received_at >= ?1 AND received_at < ?2 AND ${isWaitingSql}`;

const countRow = z.object({ events: z.number() });
const stateRow = z.object({
  state: z.enum(["pending", "settled", "unmatched"]),
  events: z.number(),
  duplicates: z.number(),
  conflicts: z.number(),
  reconciled: z.number(),
});
const recipientsRow = z.object({
  destination_id: z.string(),
  owed: z.number(),
  delivered: z.number(),
  unwritten: z.number(),
});
const deliveriesRow = z.object({
  destination_id: z.string(),
  status: z.enum(["pending", "delivered", "dead"]),
  deliveries: z.number(),
});

const timeRow = z.object({ at: z.number() });

/** Counts what was received in a time, in Unix milliseconds. Rows read: about two for each event and delivery. */
export async function countLedger(db: Database, since: number, until: number): Promise<Ledger> {
  const inQuarantine = countRow.parse(await db.prepare(quarantinedSql).bind(since, until).first()).events;
  let ledger: Ledger = { ...emptyLedger, received: inQuarantine, quarantined: inQuarantine };
  for (let from: number | null = since; from !== null;) {
    const next: number | null = readTime(await db.prepare(nextPageSql).bind(from, until).first());
    ledger = addLedgers(ledger, readPage(await db.batch(pageStatements(db, from, next ?? until))));
    from = next;
  }
  return ledger;
}

/**
 * Counts the newest events of what was received in a time: two D1 calls, however much there is. `since`: of what is counted;
 * later than asked for when it is not all.
 */
export async function countNewest(
  db: Database,
  since: number,
  until: number,
): Promise<{ readonly ledger: Ledger; readonly since: number }> {
  const from = readTime(await db.prepare(newestPageSql).bind(since, until).first()) ?? since;
  const [quarantined, ...page] = await db.batch([
    db.prepare(quarantinedSql).bind(from, until),
    ...pageStatements(db, from, until),
  ]);
  const inQuarantine = countRow.parse(quarantined?.results[0]).events;
  const ofQuarantine = { ...emptyLedger, received: inQuarantine, quarantined: inQuarantine };
  return { ledger: addLedgers(ofQuarantine, readPage(page)), since: from };
}

function readTime(row: unknown): number | null {
  return row === null ? null : timeRow.parse(row).at;
}

function pageStatements(db: Database, from: number, to: number): D1PreparedStatement[] {
  return [receivedSql, statesSql, recipientsOfPageSql, rowsOfPageSql].map((countingSql) =>
    db.prepare(countingSql).bind(from, to),
  );
}

function readPage(results: readonly D1Result[]): Ledger {
  const [received, states, recipients, deliveries] = results.map((result) => result.results);
  const byState = z.array(stateRow).parse(states);
  const inState = (state: string) => byState.find((row) => row.state === state)?.events ?? 0;
  const sumOf = (count: "duplicates" | "conflicts" | "reconciled") => byState.reduce((sum, row) => sum + row[count], 0);
  return {
    received: countRow.parse(received?.[0]).events,
    settled: inState("settled"),
    pending: inState("pending"),
    unmatched: inState("unmatched"),
    quarantined: 0,
    duplicates: sumOf("duplicates"),
    conflicts: sumOf("conflicts"),
    reconciled: sumOf("reconciled"),
    accounts: toAccounts(z.array(recipientsRow).parse(recipients), z.array(deliveriesRow).parse(deliveries)),
  };
}

/** A destination of which only one side knows has its account as well: that is what must not be. */
function toAccounts(
  recipients: readonly z.output<typeof recipientsRow>[],
  deliveries: readonly z.output<typeof deliveriesRow>[],
): Account[] {
  return [
    ...recipients.map(({ destination_id, ...counts }) => ({ ...emptyAccount(destination_id), ...counts })),
    ...deliveries.map((row) => ({ ...emptyAccount(row.destination_id), [row.status]: row.deliveries })),
  ];
}
