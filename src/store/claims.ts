import { z } from "zod";
import { type Database, retried } from "./database.ts";
import { isUnattemptedSql, recipientsSql, unfinishedSql } from "./event-progress.ts";
import { isHolderSql } from "./leases.ts";
import { inParameters } from "./rows.ts";

/** An event that a consumer wants to handle, and the destinations that want it. */
export interface Claim {
  readonly id: string;
  readonly recipients: readonly string[];
  /** End of the lease that the event's own message holds, Unix milliseconds; null for any other message. */
  readonly until: number | null;
  /** What its message carries of it; null: D1 has it. An event that is recorded with another body is not claimed. */
  readonly body: string | null;
}

/** `busy`: another consumer's lease still runs. */
export type ClaimOutcome =
  | {
      readonly state: "claimed";
      readonly receivedAt: number;
      /** Destinations that already have a delivery of it, by a replay or an earlier consumer: these get no first attempt. */
      readonly given: readonly string[];
    }
  | { readonly state: "finished" }
  | { readonly state: "busy"; readonly claimedUntil: number };

/** Who wants it now, and who has a delivery of it already, by a replay or an earlier consumer: these remain. */
const nextRecipientsSql = `(
  SELECT json_group_object(destination_id, json(first)) FROM (
    SELECT destination_id, max(first) AS first FROM (
      SELECT value AS destination_id, NULL AS first FROM json_each(claim.value ->> 'recipients')
      UNION ALL
      SELECT recipient.key, recipient.value FROM ${recipientsSql} WHERE NOT ${isUnattemptedSql})
    GROUP BY destination_id))`;

const givenSql = `(
  SELECT json_group_array(recipient.key) FROM ${recipientsSql} WHERE NOT ${isUnattemptedSql})`;

/**
 * First attempts of which nothing can be written down are not made without end: after some claims that came to nothing an
 * event is claimed once an hour. Meanwhile it is unfinished, which health tells.
 */
const MOST_CLAIMS = 10;

export const claimSql = `
  UPDATE events SET claimed_until = ?2, claims = claims + 1, recipients = ${nextRecipientsSql}
  FROM json_each(?1) AS claim
  WHERE events.id = claim.value ->> 'id'
    AND (events.claimed_until IS NULL OR events.claimed_until <= ?3 OR ${isHolderSql("claim")})
    AND (events.claims < ${MOST_CLAIMS} OR events.claimed_until <= ?3 - 3600000)
    AND ${unfinishedSql} AND (claim.value ->> 'body' IS NULL OR claim.value ->> 'body' = events.body)
  RETURNING events.id, events.received_at, ${givenSql} AS given`;

const claimedRow = z.object({
  id: z.string(),
  received_at: z.number(),
  given: z.string().transform((text) => z.array(z.string()).parse(JSON.parse(text))),
});

export const claimStateSql = `
  SELECT id, claimed_until, ${unfinishedSql} AS unfinished
  FROM events WHERE id IN (SELECT value FROM json_each(?1))`;

/**
 * Claims events, so that of all the messages about one only one is acted on; a lease that ends without deliveries lets
 * the next consumer in. `also` joins the same transaction. An event without an outcome has no row.
 */
export async function claimEvents(
  db: Database,
  claims: readonly Claim[],
  { now, claimedUntil, also }: { now: number; claimedUntil: number; also: readonly D1PreparedStatement[] },
): Promise<Map<string, ClaimOutcome>> {
  const lists = inParameters(claims.map((claim) => JSON.stringify(claim)));
  const results = await retried(db, () =>
    db.batch<Record<string, unknown>>([
      ...lists.map((list) => db.prepare(claimSql).bind(list, claimedUntil, now)),
      db.prepare(claimStateSql).bind(JSON.stringify(claims.map(({ id }) => id))),
      ...also,
    ]),
  );
  const outcomes = new Map<string, ClaimOutcome>();
  for (const row of results[lists.length]?.results ?? []) {
    outcomes.set(
      String(row["id"]),
      row["unfinished"] === 1 && typeof row["claimed_until"] === "number"
        ? { state: "busy", claimedUntil: row["claimed_until"] }
        : { state: "finished" },
    );
  }
  for (const row of results.slice(0, lists.length).flatMap((claimed) => claimed.results)) {
    const { id, received_at, given } = claimedRow.parse(row);
    outcomes.set(id, { state: "claimed", receivedAt: received_at, given });
  }
  return outcomes;
}
