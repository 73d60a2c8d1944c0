import { z } from "zod";
import { type BatchResult, type Statements, batchOf } from "./batch.ts";
import { type Database, type RetryDeadline, retriedUntil, write } from "./database.ts";
import { type Attempt, type Delivery, type DeliveryStatus, type Outcome, attemptOutcomes } from "../domain/delivery.ts";
import { DRAIN_LEASE_MS } from "../domain/lease.ts";
import {
  attemptsSql,
  hasNoDeliverySql,
  recipientsSql,
  recipientsWithRowsSql,
  rowOfRecipientSql,
  statusSql,
} from "./event-progress.ts";
import { inParameters, json } from "./rows.ts";

/** A pending delivery whose destination was deleted meanwhile ends: nobody would ever attempt it. */
const isOrphanSql = `given.value ->> 'status' = 'pending'
    AND NOT EXISTS (SELECT 1 FROM destinations WHERE id = given.value ->> 'destinationId')`;

/** First attempts that succeeded at the event that `given` names, without those whose delivery is recorded already. */
const newFirstSuccessesSql = `
    FROM json_each(given.first_successes) AS success
    CROSS JOIN ${recipientsSql} ON recipient.key = success.key AND ${hasNoDeliverySql}`;

export const recordFirstSuccessesSql = `
  UPDATE events SET recipients = json_patch(recipients, (
    SELECT json_group_object(success.key, json(success.value)) ${newFirstSuccessesSql}))
  FROM (
    SELECT value ->> 'eventId' AS event_id, value ->> 'receivedAt' AS received_at,
      json_group_object(value ->> 'destinationId', value -> 'firstSuccess') AS first_successes
    FROM json_each(?1) WHERE value ->> 'firstSuccess' IS NOT NULL GROUP BY event_id) AS given
  WHERE events.id = given.event_id AND events.received_at = given.received_at AND EXISTS (SELECT 1 ${newFirstSuccessesSql})`;

/** Its event still has this recipient, and does not say that the first attempt succeeded: such a success needs no row. */
const needsRowSql = `EXISTS (
    SELECT 1 FROM events CROSS JOIN ${recipientsSql}
    WHERE events.id = given.value ->> 'eventId' AND events.received_at = given.value ->> 'receivedAt'
      AND recipient.key = given.value ->> 'destinationId'
      AND (recipient.value IS NULL OR EXISTS (SELECT 1 FROM deliveries WHERE ${rowOfRecipientSql})))`;

const latestNumberSql = (row: string) => `coalesce(${row}.attempts ->> '$[#-1].attempt', 0)`;

/**
 * D1 may run a write twice. The second run must not undo a claim, or an attempt, that was made in between:
 *
 *   the delivery ends            it counts: nothing follows an end
 *   the attempts differ          it counts unless the row has a later attempt
 *   the same attempts, deferred  it counts unless the delivery was claimed since. A consumer writes after it has claimed, so its
 *                                own lease ends at most DRAIN_LEASE_MS after the time to which it defers
 */
const isCurrentWriteSql = `CASE
      WHEN excluded.status <> 'pending' THEN true
      WHEN excluded.attempts <> deliveries.attempts
        THEN ${latestNumberSql("excluded")} >= ${latestNumberSql("deliveries")}
      ELSE deliveries.claims = 0 OR deliveries.next_attempt_at <= excluded.next_attempt_at + ${DRAIN_LEASE_MS} END`;

export const recordDeliveriesSql = `
  INSERT INTO deliveries (destination_id, received_at, event_id, status, attempts, step, next_attempt_at)
  SELECT given.value ->> 'destinationId', given.value ->> 'receivedAt', given.value ->> 'eventId',
    CASE WHEN ${isOrphanSql} THEN 'dead' ELSE given.value ->> 'status' END,
    given.value ->> 'attempts', given.value ->> 'step',
    CASE WHEN ${isOrphanSql} THEN NULL ELSE given.value ->> 'nextAttemptAt' END
  FROM json_each(?1) AS given WHERE ${needsRowSql}
  ON CONFLICT DO UPDATE
    SET status = excluded.status, attempts = excluded.attempts, step = excluded.step,
      next_attempt_at = excluded.next_attempt_at, claims = 0
    WHERE deliveries.status = 'pending' AND ${isCurrentWriteSql}`;

/**
 * Records deliveries as they now stand; `also` joins the same transaction, and its results are returned. A delivery that has
 * ended stays as it is, and one to a destination that is no recipient of its event is left out. Rows written: 1 for all
 * first successes at an event, 1 for each other delivery, 2 while it is pending. The write is repeated while D1 is
 * overloaded: otherwise the attempts would be made again.
 */
export async function recordDeliveries<Name extends string>(
  db: Database,
  deliveries: readonly Delivery[],
  also: Readonly<Record<Name, Statements>>,
  deadline: RetryDeadline,
): Promise<Readonly<Record<Name, BatchResult>>> {
  const rows = deliveries.map((delivery) => ({
    ...delivery,
    attempts: writeAttempts(delivery.attempts),
    firstSuccess: firstSuccessOf(delivery),
  }));
  const lists = inParameters(rows.map((row) => JSON.stringify(row)));
  return retriedUntil(db, deadline, () =>
    batchOf(db, {
      // Before the deliveries, because `needsRowSql` leaves out those whose first success their event has.
      firstSuccesses: rows.some(({ firstSuccess }) => firstSuccess !== null)
        ? lists.map((list) => db.prepare(recordFirstSuccessesSql).bind(list))
        : [],
      deliveries: lists.map((list) => db.prepare(recordDeliveriesSql).bind(list)),
      ...also,
    }),
  );
}

/** The status with which a delivery ends without another attempt: one that has succeeded once stays delivered. */
export const endedStatusSql =
  "iif(EXISTS (SELECT 1 FROM json_each(attempts) WHERE value ->> 'outcome' = 'delivered'), 'delivered', 'dead')";

/** Returned by a statement that ends deliveries. */
export const endedRow = z.object({ status: z.enum(["delivered", "dead"]) });

export type EndedStatus = z.output<typeof endedRow>["status"];

/** Ends a pending delivery, at `at`, without an attempt: its entry has the number of the attempt before. */
export const endingSql = (outcome: Outcome, at: string) => `
    status = ${endedStatusSql}, next_attempt_at = NULL,
    attempts = json_insert(attempts, '$[#]', json_object(
      'attempt', coalesce(attempts ->> '$[#-1].attempt', 0), 'at', ${at}, 'outcome', '${outcome}', 'status', NULL,
      'duration_ms', 0, 'response_excerpt', NULL, 'retry_after_seconds', NULL))`;

export const endPendingSql = `
  UPDATE deliveries SET ${endingSql("removed", "?3")}
  WHERE (destination_id, received_at, event_id) IN (
    SELECT destination_id, received_at, event_id FROM deliveries
    WHERE destination_id = ?1 AND status = 'pending' LIMIT ?2)`;

/** Ends, at `now`, up to `limit` pending deliveries of a removed destination; returns how many there were. */
export async function endPendingDeliveries(
  db: Database,
  destinationId: string,
  { now, limit }: { now: number; limit: number },
): Promise<number> {
  const { meta } = await write(db, db.prepare(endPendingSql).bind(destinationId, limit, now));
  return meta.changes;
}

/** Of a row of `deliveries`, and of an event and a recipient with its row: what `readDeliveryRow` reads. */
export const deliveryFields = `destination_id AS destinationId, received_at AS receivedAt, event_id AS eventId, status, attempts,
  step, next_attempt_at AS nextAttemptAt`;
export const deliveryColumns = `
  recipient.key AS destinationId, events.received_at AS receivedAt, events.id AS eventId, ${statusSql} AS status,
  ${attemptsSql} AS attempts, coalesce(deliveries.step, 0) AS step, deliveries.next_attempt_at AS nextAttemptAt`;

export const deliveriesOfEventSql = `
  SELECT ${deliveryColumns} FROM events CROSS JOIN ${recipientsWithRowsSql} WHERE events.id = ?1`;

/** A statement that finds the deliveries of an event; its rows are for `readDeliveryRow`. */
export function deliveriesOfEvent(db: Database, eventId: string): D1PreparedStatement {
  return db.prepare(deliveriesOfEventSql).bind(eventId);
}

/** As `deliveries.attempts` keeps it. */
export const attemptRow = z
  .object({
    attempt: z.number(),
    at: z.number(),
    outcome: z.enum(attemptOutcomes),
    status: z.number().nullable(),
    duration_ms: z.number(),
    response_excerpt: z.string().nullable(),
    retry_after_seconds: z.number().nullable(),
  })
  .transform(({ duration_ms, response_excerpt, retry_after_seconds, ...row }): Attempt => ({
    ...row,
    durationMs: duration_ms,
    responseExcerpt: response_excerpt,
    retryAfterSeconds: retry_after_seconds,
  }));

export const deliveryStatus = z.enum(["pending", "delivered", "dead"]) satisfies z.ZodType<DeliveryStatus>;

const deliveryRow = z.object({
  destinationId: z.string(),
  receivedAt: z.number(),
  eventId: z.string(),
  status: deliveryStatus,
  attempts: json(z.array(attemptRow)),
  step: z.number(),
  nextAttemptAt: z.number().nullable(),
});

export const readDeliveryRow = (row: unknown): Delivery => deliveryRow.parse(row);

/** The same attempts are the same text. */
function writeAttempts(attempts: readonly Attempt[]): string {
  return JSON.stringify(
    attempts.map((attempt): z.input<typeof attemptRow> => ({
      attempt: attempt.attempt,
      at: attempt.at,
      outcome: attempt.outcome,
      status: attempt.status,
      duration_ms: attempt.durationMs,
      response_excerpt: attempt.responseExcerpt,
      retry_after_seconds: attempt.retryAfterSeconds,
    })),
  );
}

/** As `events.recipients` keeps a first attempt that succeeded; null for any other delivery. */
function firstSuccessOf({ status, attempts }: Delivery): unknown[] | null {
  const [first] = attempts;
  if (status !== "delivered" || first === undefined || attempts.length > 1 || first.attempt !== 1) return null;
  return [first.at, first.status, first.durationMs, first.responseExcerpt];
}
