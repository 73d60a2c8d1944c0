import { z } from "zod";
import type { Database } from "./database.ts";
import { recipientsSql, hasNoDeliverySql } from "./event-progress.ts";
import { json, reader } from "./rows.ts";
import { matchesSql } from "./matches.ts";

/**
 * An event is recorded with a lease for the consumer of its first message, which saves a claim. The expiry time identifies that
 * message: every other message and claim has a different one, or `claims` > 0.
 */
export interface Lease {
  readonly id: string;
  /** Unix milliseconds. */
  readonly leaseUntil: number;
}

/** The event still has the lease in `lease`, a row of `json_each`. With it `claimSql` claims the event although it is leased. */
export const hasLeaseSql = (lease: string) => `(
  events.claims = 0 AND events.lease_until = ${lease}.value ->> 'leaseUntil')`;

/**
 * An event that no destination matches is recorded with null recipients, and gets `{}` when the latest state is updated from
 * it. With `{}` from the start it would count as dispatched: if its message were lost, the recovery scan would not find it, and
 * the latest state would lack it.
 */
export const markUnmatchedSql = `
  UPDATE events SET recipients = '{}' FROM json_each(?1) AS lease
  WHERE events.id = lease.value ->> 'id' AND ${hasLeaseSql("lease")} AND events.recipients IS NULL
    AND NOT EXISTS (SELECT 1 FROM destinations WHERE enabled = 1 AND ${matchesSql("events")})`;

/** No delivery of it is recorded: neither by a copy of the message that was handled before, nor by a replay. */
export const leasedSql = `
  SELECT events.id, events.received_at AS receivedAt, events.lease_until AS leaseUntil,
    (SELECT json_group_array(key) FROM ${recipientsSql}) AS recipients
  FROM json_each(?1) AS lease CROSS JOIN events ON events.id = lease.value ->> 'id'
  WHERE ${hasLeaseSql("lease")} AND events.recipients IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM ${recipientsSql} WHERE NOT ${hasNoDeliverySql})`;

/**
 * Statements that mark the leased events without recipients as unmatched, and find those that still have their lease. They join
 * the transaction that updates the latest state. Their rows are for `readLeasedRow`.
 */
export function markUnmatchedAndFindLeased(db: Database, leases: readonly Lease[]): D1PreparedStatement[] {
  const list = JSON.stringify(leases);
  return [db.prepare(markUnmatchedSql).bind(list), db.prepare(leasedSql).bind(list)];
}

/** An event that still has its lease, and its recipients. */
export const readLeasedRow = reader({
  id: z.string(),
  receivedAt: z.number(),
  leaseUntil: z.number(),
  recipients: json(z.array(z.string())),
});

export type LeasedRow = ReturnType<typeof readLeasedRow>;
