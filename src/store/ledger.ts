import { z } from "zod";
import type { DeliveryStatus } from "../domain/delivery.ts";
import type { Account, Ledger } from "../domain/ledger.ts";
import { deliveryOfOwedSql, eventStateSql } from "./event-progress.ts";
import { isWaitingSql } from "./quarantine.ts";

/**
 * The ledger is counted when it is asked for, from the rows themselves: nothing is kept that could drift from them. All
 * its statements see the same moment. ?1 is inclusive, ?2 exclusive.
 */
const receivedInTime = "received_at >= ?1 AND received_at < ?2";

export const receivedSql = `SELECT count(*) AS events FROM events WHERE ${receivedInTime}`;

export const statesSql = `
  SELECT state, count(*) AS events, sum(duplicates) AS duplicates, sum(conflicts) AS conflicts
  FROM (SELECT ${eventStateSql} AS state, duplicates, conflicts FROM events WHERE ${receivedInTime})
  GROUP BY state`;

export const owedSql = `
  SELECT owed_to.value AS destination_id, count(*) AS owed, sum(deliveries.event_id IS NULL) AS unwritten
  FROM events CROSS JOIN json_each(events.owed) AS owed_to LEFT JOIN deliveries ON ${deliveryOfOwedSql}
  WHERE events.received_at >= ?1 AND events.received_at < ?2
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
  FROM found CROSS JOIN deliveries ON deliveries.destination_id = found.id AND ${receivedInTime}
  GROUP BY found.id, deliveries.status`;

export const quarantinedSql = `SELECT count(*) AS events FROM quarantine WHERE ${receivedInTime} AND ${isWaitingSql}`;

const countRow = z.object({ events: z.number() });
const stateRow = z.object({
  state: z.enum(["pending", "settled", "unmatched"]),
  events: z.number(),
  duplicates: z.number(),
  conflicts: z.number(),
});
const owedRow = z.object({ destination_id: z.string(), owed: z.number(), unwritten: z.number() });
const writtenRow = z.object({
  destination_id: z.string(),
  status: z.enum(["pending", "delivered", "dead"]),
  deliveries: z.number(),
});

/** Counts what was received in a time, in Unix milliseconds. Rows read: about three for each event and delivery. */
export async function countLedger(db: D1Database, since: number, until: number): Promise<Ledger> {
  const results = await db.batch(
    [receivedSql, statesSql, owedSql, writtenSql, quarantinedSql].map((countingSql) =>
      db.prepare(countingSql).bind(since, until),
    ),
  );
  const [received, states, owed, written, quarantined] = results.map((result) => result.results);
  const inQuarantine = countRow.parse(quarantined?.[0]).events;
  const byState = z.array(stateRow).parse(states);
  const inState = (state: string) => byState.find((row) => row.state === state)?.events ?? 0;
  return {
    received: countRow.parse(received?.[0]).events + inQuarantine,
    settled: inState("settled"),
    pending: inState("pending"),
    unmatched: inState("unmatched"),
    quarantined: inQuarantine,
    duplicates: byState.reduce((sum, { duplicates }) => sum + duplicates, 0),
    conflicts: byState.reduce((sum, { conflicts }) => sum + conflicts, 0),
    accounts: toAccounts(z.array(owedRow).parse(owed), z.array(writtenRow).parse(written)),
  };
}

/** A destination of which only one side knows has its account as well: that is what must not be. */
function toAccounts(
  owed: readonly z.output<typeof owedRow>[],
  written: readonly z.output<typeof writtenRow>[],
): Account[] {
  const ids = new Set([...owed, ...written].map((row) => row.destination_id));
  return [...ids].toSorted().map((destinationId): Account => {
    const owes = owed.find((row) => row.destination_id === destinationId);
    const inStatus = (status: DeliveryStatus) =>
      written.find((row) => row.destination_id === destinationId && row.status === status)?.deliveries ?? 0;
    return {
      destinationId,
      owed: owes?.owed ?? 0,
      unwritten: owes?.unwritten ?? 0,
      delivered: inStatus("delivered"),
      pending: inStatus("pending"),
      dead: inStatus("dead"),
    };
  });
}
