import type { EventState } from "../domain/event.ts";

/**
 * How far an event has come is read off its recipients and their deliveries. The texts are SQL on a row of `events`. An event
 * is dispatched when each of its recipients has a first attempt that succeeded or a row in `deliveries`, which may have no
 * attempt yet. It is settled when none of its deliveries is pending.
 */

/** A destination that gets the event. `recipient.value` is the first attempt, if it succeeded (migrations/0001_schema.sql). */
export const recipientsSql = "json_each(events.recipients) AS recipient";

/** The row of a recipient's delivery. */
export const rowOfRecipientSql = `
  deliveries.destination_id = recipient.key
  AND deliveries.received_at = events.received_at
  AND deliveries.event_id = events.id`;

/** The recipients, each with its row, if there is one. */
export const recipientsWithRowsSql = `${recipientsSql} LEFT JOIN deliveries ON ${rowOfRecipientSql}`;

const hasRowSql = `EXISTS (SELECT 1 FROM deliveries WHERE ${rowOfRecipientSql})`;

/** Nothing is recorded of its delivery: neither a first attempt that succeeded nor a row. */
export const hasNoDeliverySql = `(recipient.value IS NULL AND NOT ${hasRowSql})`;

/** Its first attempt succeeded, and the delivery has not been replayed since. */
export const isFirstSuccessSql = `(recipient.value IS NOT NULL AND NOT ${hasRowSql})`;

/** On a recipient joined with its row: status and attempts of its delivery, as in `deliveries`. */
export const statusSql = "coalesce(deliveries.status, iif(recipient.value IS NULL, 'pending', 'delivered'))";
export const attemptsSql = `coalesce(deliveries.attempts, iif(recipient.value IS NULL, '[]', json_array(json_object(
    'attempt', 1, 'at', recipient.value ->> 0, 'outcome', 'delivered', 'status', recipient.value ->> 1,
    'duration_ms', recipient.value ->> 2, 'response_excerpt', recipient.value ->> 3, 'retry_after_seconds', NULL))))`;

/** A recipient has no delivery yet, or the recipients are not known. */
export const isUndispatchedSql = `(
  events.recipients IS NULL OR EXISTS (SELECT 1 FROM ${recipientsSql} WHERE ${hasNoDeliverySql}))`;

/** Its first attempts are to be made under the lease with which it was recorded: nobody has claimed it. */
export const isAwaitingFirstFanOutSql = `(events.claims = 0 AND ${isUndispatchedSql})`;

/** It is the event that the latest state of its resource came with. */
const isStateSql = `EXISTS (
    SELECT 1 FROM resources
    WHERE resources.organization_id = events.organization_id AND resources.type = events.type
      AND resources.resource_id = coalesce(events.resource_id, '') AND resources.event_seq = events.seq)`;

/**
 * Nothing needs it any more. No delivery is pending, a dead one is older than `deadBeforeSql`, and it is no resource's latest
 * state. The newest event stays, because the position of the next one is counted from it.
 */
export const deletableSql = (deadBeforeSql: string) => `(
  events.recipients IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM ${recipientsWithRowsSql}
    WHERE ${statusSql} = 'pending' OR (deliveries.status = 'dead' AND events.received_at >= ${deadBeforeSql}))
  AND NOT ${isStateSql} AND events.seq < (SELECT max(seq) FROM events))`;

export const eventStates = ["pending", "settled", "unmatched"] as const satisfies readonly EventState[];

export const eventStateSql = `CASE
  WHEN events.recipients = '{}' THEN 'unmatched'
  WHEN events.recipients IS NULL OR EXISTS (SELECT 1 FROM ${recipientsWithRowsSql} WHERE ${statusSql} = 'pending') THEN 'pending'
  ELSE 'settled' END`;

export const outcomes = ["delivered", "pending", "dead", "unmatched"] as const;

/** How an event fared; `dead`: one of its deliveries at least is. */
export type EventOutcome = (typeof outcomes)[number];

export const eventOutcomeSql = `CASE ${eventStateSql}
  WHEN 'settled' THEN iif(EXISTS (SELECT 1 FROM ${recipientsWithRowsSql} WHERE deliveries.status = 'dead'), 'dead', 'delivered')
  WHEN 'unmatched' THEN 'unmatched' ELSE 'pending' END`;
