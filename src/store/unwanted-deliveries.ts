import { z } from "zod";
import { type Database, retried } from "./database.ts";
import { endingSql } from "./deliveries.ts";
import { wantsSql } from "./wants.ts";

/** Pending deliveries that one page looks at, and pages; what is behind the last, the lane ends when it is due. */
const PAGE = 250;
const MOST_PAGES = 100;

/** Of destination ?1, behind the position ?2, ?3, ?4. */
const pendingSql = `
  FROM deliveries WHERE destination_id = ?1 AND status = 'pending' AND next_attempt_at >= ?2
    AND (next_attempt_at, received_at, event_id) > (?2, ?3, ?4)
  ORDER BY next_attempt_at, received_at, event_id`;

export const pendingEdgeSql = `SELECT next_attempt_at, received_at, event_id ${pendingSql} LIMIT 1 OFFSET ${PAGE - 1}`;

/** Of that page, at ?5. A claimed one is being attempted: should that fail, the lane ends it. */
export const endUnwantedSql = `
  UPDATE deliveries SET ${endingSql("filtered", "?5")}
  WHERE (destination_id, received_at, event_id) IN (
    SELECT page.destination_id, page.received_at, page.event_id
    FROM (SELECT destination_id, received_at, event_id ${pendingSql} LIMIT ${PAGE}) AS page
      CROSS JOIN events ON events.id = page.event_id
      CROSS JOIN destinations ON destinations.id = page.destination_id
    WHERE ${wantsSql("events")} IS NOT TRUE)
  AND claims = 0 AND named = 0
  RETURNING status`;

const positionRow = z.object({ next_attempt_at: z.number(), received_at: z.number(), event_id: z.string() });
const endedRow = z.object({ status: z.enum(["delivered", "dead"]) });

/**
 * Ends at `now` the pending deliveries of events that their destination does not want, but for those for which an operator
 * named it; returns what each then is. A page costs one D1 call, and a run that is cut short can be made again.
 */
export async function endUnwantedDeliveries(
  db: Database,
  destinationId: string,
  now: number,
): Promise<("delivered" | "dead")[]> {
  const ended: ("delivered" | "dead")[] = [];
  let after: z.output<typeof positionRow> | null = { next_attempt_at: 0, received_at: 0, event_id: "" };
  for (let page = 0; page < MOST_PAGES && after !== null; page += 1) {
    const position: unknown[] = [destinationId, after.next_attempt_at, after.received_at, after.event_id];
    // The edge first: what has ended is no longer among the pending.
    const [edge, ending]: D1Result[] = await retried(db, () =>
      db.batch([db.prepare(pendingEdgeSql).bind(...position), db.prepare(endUnwantedSql).bind(...position, now)]),
    );
    ended.push(...(ending?.results ?? []).map((row) => endedRow.parse(row).status));
    const [last] = edge?.results ?? [];
    after = last === undefined ? null : positionRow.parse(last);
  }
  return ended;
}
