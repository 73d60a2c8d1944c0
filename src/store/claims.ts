import { z } from "zod";
import { writeAll } from "./batch.ts";
import type { Database } from "./database.ts";
import { isUnattemptedSql, recipientsSql, unfinishedSql } from "./event-progress.ts";
import { isHolderSql } from "./leases.ts";
import { inParameters, json, reader } from "./rows.ts";

/** An event that a consumer wants to handle, and the destinations that want it. */
export interface Claim {
  readonly id: string;
  readonly recipients: readonly string[];
  /** End of the lease that the event's own message holds, Unix milliseconds; null for any other message. */
  readonly until: number | null;
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
  | { readonly state: "busy"; readonly claimedUntil: number }
  | { readonly state: "finished" };

/** The destinations that want it now, and those that have a delivery of it already. */
const nextRecipientsSql = `(
  SELECT json_group_object(destination_id, json(first)) FROM (
    SELECT destination_id, max(first) AS first FROM (
      SELECT value AS destination_id, NULL AS first FROM json_each(claim.value ->> 'recipients')
      UNION ALL
      SELECT recipient.key, recipient.value FROM ${recipientsSql} WHERE NOT ${isUnattemptedSql})
    GROUP BY destination_id))`;

const withDeliverySql = `(
  SELECT json_group_array(recipient.key) FROM ${recipientsSql} WHERE NOT ${isUnattemptedSql})`;

/**
 * After some claims without a recorded outcome an event is claimed once an hour, so that its first attempts are not made
 * without end. Meanwhile it is unfinished, which health tells.
 */
const MOST_CLAIMS = 10;

export const claimSql = `
  UPDATE events SET claimed_until = ?2, claims = claims + 1, recipients = ${nextRecipientsSql}
  FROM json_each(?1) AS claim
  WHERE events.id = claim.value ->> 'id'
    AND (events.claimed_until IS NULL OR events.claimed_until <= ?3 OR ${isHolderSql("claim")})
    AND (events.claims < ${MOST_CLAIMS} OR events.claimed_until <= ?3 - 3600000)
    AND ${unfinishedSql} AND (claim.value ->> 'body' IS NULL OR claim.value ->> 'body' = events.body)
  RETURNING events.id, events.received_at AS receivedAt, ${withDeliverySql} AS withDelivery`;

const readClaimed = reader({ id: z.string(), receivedAt: z.number(), withDelivery: json(z.array(z.string())) });

export const claimStateSql = `
  SELECT id, iif(claimed_until > ?2 AND ${unfinishedSql}, claimed_until, NULL) AS claimedUntil
  FROM events WHERE id IN (SELECT value FROM json_each(?1))`;

const readState = reader({ id: z.string(), claimedUntil: z.number().nullable() });

/**
 * Claims events, so that one consumer acts on each, however many messages there are about it. `also` joins the same
 * transaction. An event without an outcome has no row.
 */
export async function claimEvents(
  db: Database,
  claims: readonly Claim[],
  { now, claimedUntil, also }: { now: number; claimedUntil: number; also: readonly D1PreparedStatement[] },
): Promise<Map<string, ClaimOutcome>> {
  const lists = inParameters(claims.map((claim) => JSON.stringify(claim)));
  const { claimed, states } = await writeAll(db, {
    claimed: lists.map((list) => db.prepare(claimSql).bind(list, claimedUntil, now)),
    states: db.prepare(claimStateSql).bind(JSON.stringify(claims.map(({ id }) => id)), now),
    also,
  });
  const outcomes = new Map<string, ClaimOutcome>();
  for (const { id, claimedUntil: busyUntil } of states.rows.map(readState)) {
    outcomes.set(id, busyUntil === null ? { state: "finished" } : { state: "busy", claimedUntil: busyUntil });
  }
  for (const { id, ...claim } of claimed.rows.map(readClaimed)) outcomes.set(id, { state: "mine", ...claim });
  return outcomes;
}
