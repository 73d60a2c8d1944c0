import type { Database } from "./database.ts";
import type { Delivery } from "../domain/delivery.ts";
import { readDeliveryRow } from "./deliveries.ts";

/** Behind which of them a page begins. */
export interface PendingPosition {
  readonly nextAttemptAt: number;
  readonly receivedAt: number;
  readonly eventId: string;
}

export const pendingOfOneSql = `
  SELECT destination_id, received_at, event_id, status, attempts, step, next_attempt_at FROM deliveries
  WHERE destination_id = ?1 AND status = 'pending' AND next_attempt_at >= ?2
    AND (next_attempt_at, received_at, event_id) > (?2, ?3, ?4)
  ORDER BY next_attempt_at, received_at, event_id LIMIT ?5`;

/** What a destination is still owed, in the order in which it is tried. */
export async function listPending(
  db: Database,
  destinationId: string,
  after: PendingPosition | undefined,
  limit: number,
): Promise<{ deliveries: Delivery[]; next: PendingPosition | null }> {
  const { nextAttemptAt, receivedAt, eventId } = after ?? { nextAttemptAt: 0, receivedAt: 0, eventId: "" };
  const { results } = await db
    .prepare(pendingOfOneSql)
    .bind(destinationId, nextAttemptAt, receivedAt, eventId, limit + 1)
    .all();
  const rows = results.map(readDeliveryRow);
  const deliveries = rows.slice(0, limit);
  const last = deliveries.at(-1);
  if (rows.length <= limit || last === undefined) return { deliveries, next: null };
  return {
    deliveries,
    next: { nextAttemptAt: last.nextAttemptAt ?? 0, receivedAt: last.receivedAt, eventId: last.eventId },
  };
}
