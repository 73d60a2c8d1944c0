import { z } from "zod";
import type { Database } from "./database.ts";
import { recipientsSql, isUnattemptedSql } from "./event-progress.ts";
import { json, reader } from "./rows.ts";
import { wantsSql } from "./wants.ts";

/**
 * An event is recorded with a lease for the consumer of its first message, which saves a claim. The expiry time identifies that
 * message: every other message and claim has a different one, or `claims` > 0.
 */
export interface Lease {
  readonly id: string;
  /** Unix milliseconds. */
  readonly until: number;
}

/** `lease` is a row of `json_each`. `claimSql` lets the holder of a lease claim the event as well. */
export const isHolderSql = (lease: string) => `(
  events.claims = 0 AND events.claimed_until = ${lease}.value ->> 'until')`;

/** An event without recipients is finished when the latest state is updated from it, and not before. */
export const finishUnwantedSql = `
  UPDATE events SET recipients = '{}' FROM json_each(?1) AS lease
  WHERE events.id = lease.value ->> 'id' AND ${isHolderSql("lease")} AND events.recipients IS NULL
    AND NOT EXISTS (SELECT 1 FROM destinations WHERE enabled = 1 AND ${wantsSql("events")})`;

/** No delivery of it is recorded: neither by a copy of the message that was handled before, nor by a replay. */
export const leasedSql = `
  SELECT events.id, events.received_at, events.claimed_until AS until,
    (SELECT json_group_array(key) FROM ${recipientsSql}) AS recipients
  FROM json_each(?1) AS lease CROSS JOIN events ON events.id = lease.value ->> 'id'
  WHERE ${isHolderSql("lease")} AND events.recipients IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM ${recipientsSql} WHERE NOT ${isUnattemptedSql})`;

/**
 * Statements that finish the leased events without recipients, and find which leases are held. They join the transaction that
 * updates the latest state. Their rows are for `readLeasedRow`.
 */
export function settleAndFindLeased(db: Database, leases: readonly Lease[]): D1PreparedStatement[] {
  const list = JSON.stringify(leases);
  return [db.prepare(finishUnwantedSql).bind(list), db.prepare(leasedSql).bind(list)];
}

/** A lease that is held, and the recipients of its event. */
export const readLeasedRow = reader({
  id: z.string(),
  received_at: z.number(),
  until: z.number(),
  recipients: json(z.array(z.string())),
});
