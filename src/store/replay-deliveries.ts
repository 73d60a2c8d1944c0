import type { DeliveryKey } from "../domain/delivery.ts";
import { DRAIN_LEASE_MS } from "../domain/lease.ts";
import { writeAll } from "./batch.ts";
import type { Database } from "./database.ts";
import { attemptsSql, recipientsSql, rowOfRecipientSql } from "./event-progress.ts";
import { forgetHours } from "./ledger-hours.ts";

/** ?3 is null or a replay, whose progress must be ?4 and ?5: otherwise another run has done this page. */
const isUpToDateSql = `
  (?3 IS NULL OR EXISTS (
    SELECT 1 FROM replays WHERE id = ?3 AND reached_at = ?4 AND reached_id = ?5 AND finished_at IS NULL))`;

/**
 *   ?6  whether a delivery that was delivered meanwhile is sent again
 *   ?7  whether an operator named the destination, which then gets the event even if it does not match
 *   ?8  when the replay was first asked for: what has been attempted since, the first try of a repeated request has done
 */
export const makeDueSql = `
  INSERT INTO deliveries (destination_id, received_at, event_id, status, attempts, step, next_attempt_at, named)
  SELECT given.value ->> 'destinationId', given.value ->> 'receivedAt', given.value ->> 'eventId',
    'pending', ${attemptsSql}, 0, ?2, ?7
  FROM json_each(?1) AS given CROSS JOIN events ON events.id = given.value ->> 'eventId'
    LEFT JOIN ${recipientsSql} ON recipient.key = given.value ->> 'destinationId'
    LEFT JOIN deliveries ON ${rowOfRecipientSql}
  WHERE ${isUpToDateSql}
    AND EXISTS (SELECT 1 FROM destinations WHERE id = given.value ->> 'destinationId')
    AND events.recipients IS NOT NULL
    AND CASE
      WHEN recipient.key IS NULL OR deliveries.event_id IS NOT NULL THEN true
      WHEN recipient.value IS NULL THEN false
      ELSE ?6 AND (?3 IS NOT NULL OR recipient.value ->> 0 <= ?8) END
  ON CONFLICT DO UPDATE SET status = 'pending', step = 0, claims = 0, next_attempt_at = excluded.next_attempt_at,
      named = iif(deliveries.status = 'pending', max(deliveries.named, excluded.named), excluded.named)
    WHERE (?3 IS NOT NULL OR coalesce(deliveries.attempts ->> '$[#-1].at', 0) <= ?8)
      AND CASE deliveries.status
        WHEN 'pending' THEN deliveries.next_attempt_at > ?2 + ${DRAIN_LEASE_MS} AND deliveries.claims = 0
        WHEN 'delivered' THEN ?6
        ELSE true END`;

export const addRecipientSql = `
  UPDATE events SET recipients = json_set(recipients, '$."' || (given.value ->> 'destinationId') || '"', NULL)
  FROM json_each(?1) AS given
  WHERE events.id = given.value ->> 'eventId'
    AND NOT EXISTS (SELECT 1 FROM ${recipientsSql} WHERE key = given.value ->> 'destinationId')
    AND EXISTS (SELECT 1 FROM deliveries
      WHERE destination_id = given.value ->> 'destinationId' AND received_at = given.value ->> 'receivedAt'
        AND event_id = given.value ->> 'eventId')`;

/** Statements that make deliveries due at `now`. `upToDate` is for `isUpToDateSql`. */
export function makeDue(
  db: Database,
  keys: readonly DeliveryKey[],
  now: number,
  {
    evenDelivered,
    named,
    askedAt = now,
    upToDate,
  }: {
    readonly evenDelivered: boolean;
    readonly named: boolean;
    readonly askedAt?: number;
    readonly upToDate: readonly unknown[];
  },
): Readonly<Record<"due" | "recipients" | "hours", readonly D1PreparedStatement[]>> {
  // An UPDATE changes a row once, so a list names each event once.
  const byDestination = Map.groupBy(keys, ({ destinationId }) => destinationId).values();
  const lists = byDestination
    .map((some) =>
      JSON.stringify(some.map(({ destinationId, receivedAt, eventId }) => ({ destinationId, receivedAt, eventId }))),
    )
    .toArray();
  return {
    due: lists.map((list) =>
      db.prepare(makeDueSql).bind(list, now, ...upToDate, Number(evenDelivered), Number(named), askedAt),
    ),
    recipients: lists.map((list) => db.prepare(addRecipientSql).bind(list)),
    hours: lists.flatMap((list) => forgetHours(db, list)),
  };
}

/**
 * Makes single deliveries due at `now`, except claimed ones; returns how many. A destination that is `named` gets them even if
 * it has them or they do not match.
 */
export async function replayDeliveries(
  db: Database,
  keys: readonly DeliveryKey[],
  now: number,
  {
    evenDelivered,
    named,
    askedAt,
  }: { readonly evenDelivered: boolean; readonly named: boolean; readonly askedAt: number },
): Promise<number> {
  if (keys.length === 0) return 0;
  const options = { evenDelivered, named, askedAt, upToDate: [null, null, null] };
  return (await writeAll(db, makeDue(db, keys, now, options))).due.changes;
}
