import { z } from "zod";
import type { Database } from "./database.ts";
import type { Delivery, DeliveryKey, DeliveryStatus } from "../domain/delivery.ts";
import { pageOf } from "../platform/page.ts";
import { deliveryColumns, deliveryFields, readDeliveryRow } from "./deliveries.ts";
import { MAX_LOOKED_AT } from "./event-order.ts";
import { recipientsWithRowsSql, statusSql } from "./event-progress.ts";

/** Sorts after the id of every destination. */
const AFTER_ALL = "\u{10ffff}";

/** The last delivery of a page, or the last one looked at. */
interface DeliveryPosition extends DeliveryKey {
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

/** The event can be anybody's, so a cursor has nothing of it but its place. */
export const edgeOfEventsSql = `
  SELECT '${AFTER_ALL}' AS destinationId, 0 AS receivedAt, '' AS eventId, seq FROM events
  WHERE seq <= ${fromSql} - ${MAX_LOOKED_AT} ORDER BY seq DESC LIMIT 1`;

const newestFirst = "ORDER BY destination_id DESC, received_at DESC, event_id DESC";

const ofAllSql = "FROM deliveries WHERE (destination_id, received_at, event_id) < (?1, ?2, ?3)";
const ofOneSql = "FROM deliveries WHERE destination_id = ?1 AND (received_at, event_id) < (?2, ?3)";

const pendingFrom = (from: string) => `
  SELECT ${deliveryFields} FROM (SELECT * ${from} ${newestFirst} LIMIT ${MAX_LOOKED_AT})
  WHERE status = 'pending'
  ${newestFirst} LIMIT ?4`;
const edgeFrom = (from: string) => `
  SELECT destination_id AS destinationId, received_at AS receivedAt, event_id AS eventId ${from} ${newestFirst}
  LIMIT 1 OFFSET ${MAX_LOOKED_AT - 1}`;
const deadFrom = (from: string) => `SELECT ${deliveryFields} ${from} AND status = 'dead' ${newestFirst} LIMIT ?4`;

export const pendingOfAllSql = pendingFrom(ofAllSql);
export const pendingOfOneSql = pendingFrom(ofOneSql);
export const edgeOfAllSql = edgeFrom(ofAllSql);
export const edgeOfOneSql = edgeFrom(ofOneSql);
export const deadOfAllSql = deadFrom(ofAllSql);
export const deadOfOneSql = deadFrom(ofOneSql);

interface DeliveryQuery {
  readonly status: DeliveryStatus | undefined;
  readonly destinationId: string | undefined;
  readonly before: DeliveryPosition | undefined;
  readonly limit: number;
}

const positionRow = z.object({
  destinationId: z.string(),
  receivedAt: z.number(),
  eventId: z.string(),
  seq: z.number().default(0),
}) satisfies z.ZodType<DeliveryPosition>;

/** Newest event first. Pending or dead deliveries, which have rows of their own, come destination by destination. */
export async function listDeliveries(
  db: Database,
  query: DeliveryQuery,
): Promise<{ deliveries: Delivery[]; next: DeliveryPosition | null }> {
  const { status, limit } = query;
  const isByDestination = status === "pending" || status === "dead";
  const [found, edge] = await db.batch(isByDestination ? byDestination(db, query) : byEvent(db, query));
  const { rows, next } = pageOf<unknown>(found?.results ?? [], limit, edge?.results[0]);
  return { deliveries: rows.map(readDeliveryRow), next: positionRow.nullable().parse(next) };
}

function byEvent(db: Database, { status, destinationId, before, limit }: DeliveryQuery): D1PreparedStatement[] {
  const from = before?.seq ?? Number.MAX_SAFE_INTEGER;
  return [
    db
      .prepare(pageOfEventsSql)
      .bind(from, before?.destinationId ?? AFTER_ALL, destinationId ?? null, status ?? null, limit + 1),
    db.prepare(edgeOfEventsSql).bind(from),
  ];
}

function byDestination(db: Database, { status, destinationId, before, limit }: DeliveryQuery): D1PreparedStatement[] {
  const [pendingSql, edgeSql, deadSql] =
    destinationId === undefined
      ? [pendingOfAllSql, edgeOfAllSql, deadOfAllSql]
      : [pendingOfOneSql, edgeOfOneSql, deadOfOneSql];
  const start = [
    destinationId ?? before?.destinationId ?? AFTER_ALL,
    before?.receivedAt ?? Number.MAX_SAFE_INTEGER,
    before?.eventId ?? "",
  ];
  return status === "dead"
    ? [db.prepare(deadSql).bind(...start, limit + 1)]
    : [db.prepare(pendingSql).bind(...start, limit + 1), db.prepare(edgeSql).bind(...start)];
}

/** The last pending delivery of a page. */
export const pendingPosition = z.object({ nextAttemptAt: z.number(), receivedAt: z.number(), eventId: z.string() });

export type PendingPosition = z.output<typeof pendingPosition>;

export const BEFORE_ALL: PendingPosition = { nextAttemptAt: 0, receivedAt: 0, eventId: "" };

/** The pending deliveries of ?1 after the position ?2, ?3, ?4, in the order in which they are attempted. */
export const pendingAfterSql = `
  FROM deliveries WHERE destination_id = ?1 AND status = 'pending' AND next_attempt_at >= ?2
    AND (next_attempt_at, received_at, event_id) > (?2, ?3, ?4)
  ORDER BY next_attempt_at, received_at, event_id`;

export const pendingByDueSql = `SELECT ${deliveryFields} ${pendingAfterSql} LIMIT ?5`;

/** The pending deliveries of a destination, in the order in which they are attempted. */
export async function listPending(
  db: Database,
  destinationId: string,
  { nextAttemptAt, receivedAt, eventId }: PendingPosition = BEFORE_ALL,
  limit: number,
): Promise<{ deliveries: Delivery[]; next: PendingPosition | null }> {
  const { results } = await db
    .prepare(pendingByDueSql)
    .bind(destinationId, nextAttemptAt, receivedAt, eventId, limit + 1)
    .all();
  const { rows, next } = pageOf<unknown>(results, limit);
  return { deliveries: rows.map(readDeliveryRow), next: pendingPosition.nullable().parse(next) };
}
