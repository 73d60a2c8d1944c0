import { z } from "zod";
import { writeAll } from "./batch.ts";
import type { Database } from "./database.ts";
import { hasNoDeliverySql, recipientsSql, isUndispatchedSql } from "./event-progress.ts";
import { hasLeaseSql } from "./leases.ts";
import { inParameters, json, reader } from "./rows.ts";

/** An event that a consumer is about to dispatch, and the destinations that match. */
export interface Claim {
  readonly id: string;
  readonly recipients: readonly string[];
  /** End of the lease that a message of the event names, Unix milliseconds; null: none does. */
  readonly leaseUntil: number | null;
  /** What its message carries of it; null: D1 has it. An event that is recorded with another body is not claimed. */
  readonly body: string | null;
}

/**
 * `busy`: another consumer's lease runs. `finished`: nothing is left to do; or it is recorded with another body; or it was
 * claimed too often, and the cron queues it again.
 */
type ClaimOutcome =
  | {
      readonly state: "mine";
      readonly receivedAt: number;
      /** Destinations that have a delivery of it already, by a replay or an earlier consumer. */
      readonly withDelivery: readonly string[];
    }
  | { readonly state: "busy"; readonly leaseUntil: number }
  | { readonly state: "finished" };

/** The destinations that match now, and those that have a delivery of it already. */
const nextRecipientsSql = `(
  SELECT json_group_object(destination_id, json(first_success)) FROM (
    SELECT destination_id, max(first_success) AS first_success FROM (
      SELECT value AS destination_id, NULL AS first_success FROM json_each(claim.value ->> 'recipients')
      UNION ALL
      SELECT recipient.key, recipient.value FROM ${recipientsSql} WHERE NOT ${hasNoDeliverySql})
    GROUP BY destination_id))`;

const withDeliverySql = `(
  SELECT json_group_array(recipient.key) FROM ${recipientsSql} WHERE NOT ${hasNoDeliverySql})`;

/**
 * After some claims without a recorded outcome an event is claimed once an hour, so that its first attempts are not made
 * without end. Meanwhile it is undispatched, which health tells.
 */
const MOST_CLAIMS = 10;

export const claimSql = `
  UPDATE events SET lease_until = ?2, claims = claims + 1, recipients = ${nextRecipientsSql}
  FROM json_each(?1) AS claim
  WHERE events.id = claim.value ->> 'id'
    AND (events.lease_until IS NULL OR events.lease_until <= ?3 OR ${hasLeaseSql("claim")})
    AND (events.claims < ${MOST_CLAIMS} OR events.lease_until <= ?3 - 3600000)
    AND ${isUndispatchedSql} AND (claim.value ->> 'body' IS NULL OR claim.value ->> 'body' = events.body)
  RETURNING events.id, events.received_at AS receivedAt, ${withDeliverySql} AS withDelivery`;

const readClaimed = reader({ id: z.string(), receivedAt: z.number(), withDelivery: json(z.array(z.string())) });

export const claimStateSql = `
  SELECT id, iif(lease_until > ?2 AND ${isUndispatchedSql}, lease_until, NULL) AS leaseUntil
  FROM events WHERE id IN (SELECT value FROM json_each(?1))`;

const readState = reader({ id: z.string(), leaseUntil: z.number().nullable() });

/**
 * Claims events, so that one consumer acts on each, however many messages there are about it. `also` joins the same
 * transaction. An event without an outcome has no row.
 */
export async function claimEvents(
  db: Database,
  claims: readonly Claim[],
  { now, leaseUntil, also }: { now: number; leaseUntil: number; also: readonly D1PreparedStatement[] },
): Promise<Map<string, ClaimOutcome>> {
  const lists = inParameters(claims.map((claim) => JSON.stringify(claim)));
  const { claimed, states } = await writeAll(db, {
    claimed: lists.map((list) => db.prepare(claimSql).bind(list, leaseUntil, now)),
    states: db.prepare(claimStateSql).bind(JSON.stringify(claims.map(({ id }) => id)), now),
    also,
  });
  const outcomes = new Map<string, ClaimOutcome>();
  for (const { id, leaseUntil: busyUntil } of states.rows.map(readState)) {
    outcomes.set(id, busyUntil === null ? { state: "finished" } : { state: "busy", leaseUntil: busyUntil });
  }
  for (const { id, ...claim } of claimed.rows.map(readClaimed)) outcomes.set(id, { state: "mine", ...claim });
  return outcomes;
}
