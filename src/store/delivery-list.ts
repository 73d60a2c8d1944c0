import { z } from "zod";
import type { Database } from "./database.ts";
import type { Delivery, DeliveryKey, DeliveryStatus } from "../domain/delivery.ts";
import { readDeliveryRow } from "./deliveries.ts";

/** Deliveries that one page looks at: a status has no index of its own, but for `dead`. */
const MAX_LOOKED_AT = 10_000;

const columns = "destination_id, received_at, event_id, status, attempts, step, next_attempt_at";
const newestFirst = "ORDER BY destination_id DESC, received_at DESC, event_id DESC";

const ofAllSql = "FROM deliveries WHERE (destination_id, received_at, event_id) < (?1, ?2, ?3)";
const ofOneSql = "FROM deliveries WHERE destination_id = ?1 AND (received_at, event_id) < (?2, ?3)";

const pageFrom = (from: string) => `
  SELECT ${columns} FROM (SELECT ${columns} ${from} ${newestFirst} LIMIT ${MAX_LOOKED_AT})
  WHERE ?4 IS NULL OR status = ?4
  ${newestFirst} LIMIT ?5`;
const edgeFrom = (from: string) => `
  SELECT destination_id, received_at, event_id ${from} ${newestFirst} LIMIT 1 OFFSET ${MAX_LOOKED_AT - 1}`;
const deadFrom = (from: string) => `SELECT ${columns} ${from} AND status = 'dead' ${newestFirst} LIMIT ?4`;

export const pageOfAllSql = pageFrom(ofAllSql);
export const pageOfOneSql = pageFrom(ofOneSql);
export const edgeOfAllSql = edgeFrom(ofAllSql);
export const edgeOfOneSql = edgeFrom(ofOneSql);
export const deadOfAllSql = deadFrom(ofAllSql);
export const deadOfOneSql = deadFrom(ofOneSql);

export interface DeliveryQuery {
  readonly status: DeliveryStatus | undefined;
  readonly destinationId: string | undefined;
  readonly before: DeliveryKey | undefined;
  readonly limit: number;
}

/** Sorts behind the id of every destination. */
const BEHIND_ALL = "\u{10ffff}";

/**
 * Destination by destination, newest event first. A page can hold fewer deliveries than `limit`, or none, and still have a
 * `next`: then the walk found that few among those it may look at.
 */
export async function listDeliveries(
  db: Database,
  { status, destinationId, before, limit }: DeliveryQuery,
): Promise<{ deliveries: Delivery[]; next: DeliveryKey | null }> {
  const [pageSql, edgeSql, deadSql] =
    destinationId === undefined
      ? [pageOfAllSql, edgeOfAllSql, deadOfAllSql]
      : [pageOfOneSql, edgeOfOneSql, deadOfOneSql];
  const start = [
    destinationId ?? before?.destinationId ?? BEHIND_ALL,
    before?.receivedAt ?? Number.MAX_SAFE_INTEGER,
    before?.eventId ?? "",
  ];
  const statements =
    status === "dead"
      ? [db.prepare(deadSql).bind(...start, limit + 1)]
      : [db.prepare(pageSql).bind(...start, status ?? null, limit + 1), db.prepare(edgeSql).bind(...start)];
  const [page, edge] = await db.batch(statements);
  const rows = (page?.results ?? []).map(readDeliveryRow);
  const deliveries = rows.slice(0, limit);
  const last = deliveries.at(-1);
  if (rows.length > limit && last !== undefined) return { deliveries, next: keyOf(last) };
  const [lastLookedAt] = edge?.results ?? [];
  return { deliveries, next: lastLookedAt === undefined ? null : readKey(lastLookedAt) };
}

function keyOf({ destinationId, receivedAt, eventId }: DeliveryKey): DeliveryKey {
  return { destinationId, receivedAt, eventId };
}

const keyRow = z.object({ destination_id: z.string(), received_at: z.number(), event_id: z.string() });

function readKey(row: unknown): DeliveryKey {
  const { destination_id, received_at, event_id } = keyRow.parse(row);
  return { destinationId: destination_id, receivedAt: received_at, eventId: event_id };
}
