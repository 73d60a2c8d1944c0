import { z } from "zod";
import type { Database } from "./database.ts";
import type { Delivery, DeliveryKey, DeliveryStatus } from "../domain/delivery.ts";
import { deliveryColumns, readDeliveryRow } from "./deliveries.ts";
import { MAX_LOOKED_AT } from "./event-list.ts";
import { recipientsWithRowsSql, statusSql } from "./event-progress.ts";

/** Sorts behind the id of every destination. */
const BEHIND_ALL = "\u{10ffff}";

/** Where a page goes on: behind a delivery. */
export interface DeliveryPosition extends DeliveryKey {
  /** Of its event; 0 in a list that goes destination by destination. */
  readonly seq: number;
}

const fromSql = "min(?1, (SELECT max(seq) FROM events))";

/** From the event at ?1 on; of that one, the recipients that sort before ?2. */
export const pageOfEventsSql = `
  SELECT ${deliveryColumns}, events.seq FROM events CROSS JOIN ${recipientsWithRowsSql}
  WHERE events.seq <= ${fromSql} AND events.seq > ${fromSql} - ${MAX_LOOKED_AT}
    AND (events.seq < ?1 OR recipient.key < ?2)
    AND (?3 IS NULL OR recipient.key = ?3) AND (?4 IS NULL OR ${statusSql} = ?4)
  ORDER BY events.seq DESC, recipient.key DESC LIMIT ?5`;

export const behindEventsSql = `
  SELECT '${BEHIND_ALL}' AS destination_id, received_at, id AS event_id, seq FROM events
  WHERE seq <= ${fromSql} - ${MAX_LOOKED_AT} ORDER BY seq DESC LIMIT 1`;

const columns = "destination_id, received_at, event_id, status, attempts, step, next_attempt_at";
const newestFirst = "ORDER BY destination_id DESC, received_at DESC, event_id DESC";

const ofAllSql = "FROM deliveries WHERE (destination_id, received_at, event_id) < (?1, ?2, ?3)";
const ofOneSql = "FROM deliveries WHERE destination_id = ?1 AND (received_at, event_id) < (?2, ?3)";

const pendingFrom = (from: string) => `
  SELECT ${columns} FROM (SELECT ${columns} ${from} ${newestFirst} LIMIT ${MAX_LOOKED_AT})
  WHERE status = 'pending'
  ${newestFirst} LIMIT ?4`;
const behindFrom = (from: string) => `
  SELECT destination_id, received_at, event_id ${from} ${newestFirst} LIMIT 1 OFFSET ${MAX_LOOKED_AT - 1}`;
const deadFrom = (from: string) => `SELECT ${columns} ${from} AND status = 'dead' ${newestFirst} LIMIT ?4`;

export const pendingOfAllSql = pendingFrom(ofAllSql);
export const pendingOfOneSql = pendingFrom(ofOneSql);
export const behindOfAllSql = behindFrom(ofAllSql);
export const behindOfOneSql = behindFrom(ofOneSql);
export const deadOfAllSql = deadFrom(ofAllSql);
export const deadOfOneSql = deadFrom(ofOneSql);

export interface DeliveryQuery {
  readonly status: DeliveryStatus | undefined;
  readonly destinationId: string | undefined;
  readonly before: DeliveryPosition | undefined;
  readonly limit: number;
}

/**
 * Newest event first; those that are pending or dead, which have rows of their own, destination by destination. A page can
 * hold fewer deliveries than `limit`, or none, and still have a `next`: then it found that few among those it may look at.
 */
export async function listDeliveries(
  db: Database,
  query: DeliveryQuery,
): Promise<{ deliveries: Delivery[]; next: DeliveryPosition | null }> {
  const { status, limit } = query;
  const isByDestination = status === "pending" || status === "dead";
  const [page, behind] = await db.batch(isByDestination ? byDestination(db, query) : byEvent(db, query));
  const rows = page?.results ?? [];
  const next = rows.length > limit ? rows[limit - 1] : behind?.results[0];
  return {
    deliveries: rows.slice(0, limit).map(readDeliveryRow),
    next: next === undefined ? null : readPosition(next),
  };
}

function byEvent(db: Database, { status, destinationId, before, limit }: DeliveryQuery): D1PreparedStatement[] {
  const from = before?.seq ?? Number.MAX_SAFE_INTEGER;
  return [
    db
      .prepare(pageOfEventsSql)
      .bind(from, before?.destinationId ?? BEHIND_ALL, destinationId ?? null, status ?? null, limit + 1),
    db.prepare(behindEventsSql).bind(from),
  ];
}

function byDestination(db: Database, { status, destinationId, before, limit }: DeliveryQuery): D1PreparedStatement[] {
  const [pendingSql, behindSql, deadSql] =
    destinationId === undefined
      ? [pendingOfAllSql, behindOfAllSql, deadOfAllSql]
      : [pendingOfOneSql, behindOfOneSql, deadOfOneSql];
  const start = [
    destinationId ?? before?.destinationId ?? BEHIND_ALL,
    before?.receivedAt ?? Number.MAX_SAFE_INTEGER,
    before?.eventId ?? "",
  ];
  return status === "dead"
    ? [db.prepare(deadSql).bind(...start, limit + 1)]
    : [db.prepare(pendingSql).bind(...start, limit + 1), db.prepare(behindSql).bind(...start)];
}

const positionRow = z.object({
  destination_id: z.string(),
  received_at: z.number(),
  event_id: z.string(),
  seq: z.number().default(0),
});

function readPosition(row: unknown): DeliveryPosition {
  const { destination_id, received_at, event_id, seq } = positionRow.parse(row);
  return { destinationId: destination_id, receivedAt: received_at, eventId: event_id, seq };
}
