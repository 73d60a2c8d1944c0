import { type BatchResult, writeAll } from "./batch.ts";
import type { Destination } from "../domain/destination.ts";
import { type Database, write } from "./database.ts";
import { type EndedStatus, endedRow, endingSql } from "./deliveries.ts";
import { BEFORE_ALL, type PendingPosition, pendingAfterSql, pendingPosition } from "./delivery-list.ts";
import { findFilter, readFilterRow } from "./destinations.ts";
import { matchesSql } from "./matches.ts";
import { rejectedByFilter } from "./rejected-events.ts";
import { rowsOf } from "./rows.ts";

/** Pending deliveries that one page looks at, and pages. A drain ends those after the last page when they are due. */
const PAGE = 250;
const MOST_PAGES = 100;

export const pendingEdgeSql = `
  SELECT next_attempt_at AS nextAttemptAt, received_at AS receivedAt, event_id AS eventId ${pendingAfterSql} LIMIT 1 OFFSET ${PAGE - 1}`;

/** Of that page, at ?5. A claimed one is being attempted: should that fail, the next drain ends it. */
export const endFilteredSql = `
  UPDATE deliveries SET ${endingSql("filtered", "?5")}
  WHERE (destination_id, received_at, event_id) IN (
    SELECT page.destination_id, page.received_at, page.event_id
    FROM (SELECT destination_id, received_at, event_id ${pendingAfterSql} LIMIT ${PAGE}) AS page
      CROSS JOIN events ON events.id = page.event_id
      CROSS JOIN destinations ON destinations.id = page.destination_id
    WHERE ${matchesSql("events")} IS NOT TRUE)
  AND claims = 0 AND named = 0
  RETURNING status`;

/** Of that page, those that the statement above looks at. */
export const pendingPageSql = `
  SELECT next_attempt_at AS nextAttemptAt, received_at AS receivedAt, event_id AS eventId
  FROM (SELECT next_attempt_at, received_at, event_id, claims, named ${pendingAfterSql} LIMIT ${PAGE})
  WHERE claims = 0 AND named = 0`;

/** Of those given, at ?3, if the destination is as it was at ?4. One that was claimed or replayed meanwhile is due at another time. */
export const endRejectedSql = `
  UPDATE deliveries SET ${endingSql("filtered", "?3")}
  WHERE destination_id = ?1 AND status = 'pending' AND named = 0
    AND (received_at, event_id, next_attempt_at) IN (
      SELECT value ->> 'receivedAt', value ->> 'eventId', value ->> 'nextAttemptAt' FROM json_each(?2))
    AND EXISTS (SELECT 1 FROM destinations WHERE id = ?1 AND updated_at = ?4)
  RETURNING status`;

/**
 * Ends at `now`, as `filtered`, deliveries of events that the destination's filter rejects, unless an operator named it. Returns
 * the status of each: of none if the destination was changed since its filter was read.
 */
export async function endRejected(
  db: Database,
  { id, updatedAt }: Pick<Destination, "id" | "updatedAt">,
  rejected: readonly PendingPosition[],
  now: number,
): Promise<EndedStatus[]> {
  if (rejected.length === 0) return [];
  const positions = rejected.map(({ nextAttemptAt, receivedAt, eventId }) => ({ nextAttemptAt, receivedAt, eventId }));
  const statement = db.prepare(endRejectedSql).bind(id, JSON.stringify(positions), now, updatedAt);
  return rowsOf(endedRow, await write(db, statement)).map(({ status }) => status);
}

/**
 * Ends at `now`, as `filtered`, the pending deliveries of events that do not match their destination, unless an operator named
 * it. Returns the status of each. A page costs one D1 call, with a filter about three, and a run that is cut short can be
 * repeated.
 */
export async function endFilteredDeliveries(db: Database, destinationId: string, now: number): Promise<EndedStatus[]> {
  const ended: EndedStatus[] = [];
  let after: PendingPosition | null = BEFORE_ALL;
  for (let pages = 0; pages < MOST_PAGES && after !== null; pages += 1) {
    const position: unknown[] = [destinationId, after.nextAttemptAt, after.receivedAt, after.eventId];
    // The edge first: what has ended is no longer among the pending.
    const { edge, filter, pending, filtered }: Record<"edge" | "filter" | "pending" | "filtered", BatchResult> =
      await writeAll(db, {
        edge: db.prepare(pendingEdgeSql).bind(...position),
        filter: findFilter(db, destinationId),
        pending: db.prepare(pendingPageSql).bind(...position),
        filtered: db.prepare(endFilteredSql).bind(...position, now),
      });
    ended.push(...filtered.rows.map((row) => endedRow.parse(row).status));
    const page = pending.rows.map((row) => pendingPosition.parse(row));
    const ids = page.map(({ eventId }) => eventId);
    const read = readFilterRow(filter.rows[0]);
    const rejected = await rejectedByFilter(db, read.filter, ids);
    const those = page.filter(({ eventId }) => rejected.has(eventId));
    ended.push(...(await endRejected(db, { id: destinationId, updatedAt: read.updatedAt }, those, now)));
    after = pendingPosition.nullable().parse(edge.rows[0] ?? null);
  }
  return ended;
}
