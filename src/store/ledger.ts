import { z } from "zod";
import type { Database } from "./database.ts";
import { RECONCILED_PREFIX } from "../domain/event.ts";
import { type Account, type Ledger, addLedgers, emptyAccount, emptyLedger } from "../domain/ledger.ts";
import { deliveryOfOwedSql, eventStateSql } from "./event-progress.ts";
import { isWaitingSql } from "./quarantine.ts";

/**
 * The ledger is counted when it is asked for, from the rows themselves: nothing is kept that could drift from them. It is
 * counted in pages, so that D1 can do other work between; the statements of a page see the same moment, and each event and
 * its deliveries are in one page. A page goes from the position ?1, ?2, inclusive, to ?3, ?4, exclusive.
 */
const ofPage = (id: string) => `(received_at, ${id}) >= (?1, ?2) AND (received_at, ${id}) < (?3, ?4)`;

/** Events of a page: a fraction of a second's work for D1. */
const PAGE = 5_000;

export const nextPageSql = `
  SELECT received_at, id FROM events WHERE (received_at, id) >= (?1, ?2) AND received_at < ?3
  ORDER BY received_at, id LIMIT 1 OFFSET ${PAGE}`;

export const newestPageSql = `
  SELECT received_at, id FROM events WHERE received_at >= ?1 AND received_at < ?2
  ORDER BY received_at DESC, id DESC LIMIT 1 OFFSET ${PAGE - 1}`;

export const receivedSql = `SELECT count(*) AS events FROM events WHERE ${ofPage("id")}`;

export const statesSql = `
  SELECT state, count(*) AS events, sum(duplicates) AS duplicates, sum(conflicts) AS conflicts,
    sum(id GLOB '${RECONCILED_PREFIX}*') AS reconciled
  FROM (SELECT id, ${eventStateSql} AS state, duplicates, conflicts FROM events WHERE ${ofPage("id")})
  GROUP BY state`;

export const owedSql = `
  SELECT owed_to.value AS destination_id, count(*) AS owed, sum(deliveries.event_id IS NULL) AS unwritten
  FROM (SELECT id, received_at, owed FROM events WHERE ${ofPage("id")}) AS events
    CROSS JOIN json_each(events.owed) AS owed_to
    LEFT JOIN deliveries ON ${deliveryOfOwedSql}
  GROUP BY owed_to.value`;

/** Jumps along the key from one destination to the next, removed ones included. */
export const writtenSql = `
  WITH RECURSIVE found (id) AS (
    SELECT min(destination_id) FROM deliveries
    UNION ALL
    SELECT (SELECT min(destination_id) FROM deliveries WHERE destination_id > found.id)
    FROM found WHERE found.id IS NOT NULL
  )
  SELECT found.id AS destination_id, deliveries.status, count(*) AS deliveries
  FROM found CROSS JOIN deliveries ON deliveries.destination_id = found.id AND ${ofPage("event_id")}
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
const owedRow = z.object({ destination_id: z.string(), owed: z.number(), unwritten: z.number() });
const writtenRow = z.object({
  destination_id: z.string(),
  status: z.enum(["pending", "delivered", "dead"]),
  deliveries: z.number(),
});

const positionRow = z.object({ received_at: z.number(), id: z.string() });

interface Position {
  readonly receivedAt: number;
  readonly id: string;
}

/** Counts what was received in a time, in Unix milliseconds. Rows read: about three for each event and delivery. */
export async function countLedger(db: Database, since: number, until: number): Promise<Ledger> {
  const inQuarantine = countRow.parse(await db.prepare(quarantinedSql).bind(since, until).first()).events;
  let ledger: Ledger = { ...emptyLedger, received: inQuarantine, quarantined: inQuarantine };
  for (let from: Position | null = { receivedAt: since, id: "" }; from !== null;) {
    const next: Position | null = await nextPage(db, from, until);
    ledger = addLedgers(ledger, await countPage(db, from, next ?? { receivedAt: until, id: "" }));
    from = next;
  }
  return ledger;
}

/**
 * Counts the newest page of what was received in a time: two D1 calls, however much there is. `since`: of what is counted;
 * later than asked for when one page does not hold it all.
 */
export async function countNewest(
  db: Database,
  since: number,
  until: number,
): Promise<{ readonly ledger: Ledger; readonly since: number }> {
  const edge = await db.prepare(newestPageSql).bind(since, until).first();
  const from = edge === null ? { receivedAt: since, id: "" } : readPosition(edge);
  const [quarantined, ...page] = await db.batch([
    db.prepare(quarantinedSql).bind(from.receivedAt, until),
    ...pageStatements(db, from, { receivedAt: until, id: "" }),
  ]);
  const inQuarantine = countRow.parse(quarantined?.results[0]).events;
  const ofQuarantine = { ...emptyLedger, received: inQuarantine, quarantined: inQuarantine };
  return { ledger: addLedgers(ofQuarantine, readPage(page)), since: from.receivedAt };
}

async function nextPage(db: Database, { receivedAt, id }: Position, until: number): Promise<Position | null> {
  const row = await db.prepare(nextPageSql).bind(receivedAt, id, until).first();
  return row === null ? null : readPosition(row);
}

function readPosition(row: unknown): Position {
  const { received_at, id } = positionRow.parse(row);
  return { receivedAt: received_at, id };
}

async function countPage(db: Database, from: Position, to: Position): Promise<Ledger> {
  return readPage(await db.batch(pageStatements(db, from, to)));
}

function pageStatements(db: Database, from: Position, to: Position): D1PreparedStatement[] {
  return [receivedSql, statesSql, owedSql, writtenSql].map((countingSql) =>
    db.prepare(countingSql).bind(from.receivedAt, from.id, to.receivedAt, to.id),
  );
}

function readPage(results: readonly D1Result[]): Ledger {
  const [received, states, owed, written] = results.map((result) => result.results);
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
    accounts: toAccounts(z.array(owedRow).parse(owed), z.array(writtenRow).parse(written)),
  };
}

/** A destination of which only one side knows has its account as well: that is what must not be. */
function toAccounts(
  owed: readonly z.output<typeof owedRow>[],
  written: readonly z.output<typeof writtenRow>[],
): Account[] {
  return [
    ...owed.map((row) => ({ ...emptyAccount(row.destination_id), owed: row.owed, unwritten: row.unwritten })),
    ...written.map((row) => ({ ...emptyAccount(row.destination_id), [row.status]: row.deliveries })),
  ];
}
