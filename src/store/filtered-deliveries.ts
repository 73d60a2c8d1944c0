import { type BatchResult, writeAll } from "./batch.ts";
import type { Database } from "./database.ts";
import { type EndedStatus, endedRow, endingSql } from "./deliveries.ts";
import { BEFORE_ALL, type PendingPosition, pendingAfterSql, pendingPosition } from "./delivery-list.ts";
import { matchesSql } from "./matches.ts";

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

/**
 * Ends at `now`, as `filtered`, the pending deliveries of events that do not match their destination, unless an operator named
 * it. Returns the status of each. A page costs one D1 call, and a run that is cut short can be repeated.
 */
export async function endFilteredDeliveries(db: Database, destinationId: string, now: number): Promise<EndedStatus[]> {
  const ended: EndedStatus[] = [];
  let after: PendingPosition | null = BEFORE_ALL;
  for (let page = 0; page < MOST_PAGES && after !== null; page += 1) {
    const position: unknown[] = [destinationId, after.nextAttemptAt, after.receivedAt, after.eventId];
    // The edge first: what has ended is no longer among the pending.
    const { edge, filtered }: Record<"edge" | "filtered", BatchResult> = await writeAll(db, {
      edge: db.prepare(pendingEdgeSql).bind(...position),
      filtered: db.prepare(endFilteredSql).bind(...position, now),
    });
    ended.push(...filtered.rows.map((row) => endedRow.parse(row).status));
    after = pendingPosition.nullable().parse(edge.rows[0] ?? null);
  }
  return ended;
}
