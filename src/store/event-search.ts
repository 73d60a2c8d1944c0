import { z } from "zod";
import type { DeliveryStatus, Outcome } from "../domain/delivery.ts";
import {
  type EventPosition,
  type EventQuery,
  type EventSummary,
  MAX_LOOKED_AT,
  lastLookedAtSql,
  summaryColumns,
  windowSql,
} from "./event-list.ts";
import { type EventOutcome, OUTCOMES_COUNTED_AT_MOST, outcomes } from "./event-outcomes.ts";
import { deliveryOfOwedSql, eventOutcomeSql } from "./event-progress.ts";
import { eventRow, toEventFields } from "./event-row.ts";

/** An event with what became of it, and of how it came. */
export interface FoundEvent extends Omit<EventSummary, "state"> {
  readonly outcome: EventOutcome;
  /** Times that it came again. */
  readonly duplicates: number;
  readonly deliveries: readonly DeliverySummary[];
}

/** How a delivery stands, with its latest attempt; that is null before the first. */
export interface DeliverySummary {
  readonly destinationId: string;
  readonly status: DeliveryStatus;
  readonly attempt: number | null;
  readonly outcome: Outcome | null;
  readonly httpStatus: number | null;
}

export interface EventSearch extends EventQuery {
  readonly outcome: EventOutcome | undefined;
  readonly resourceId: string | undefined;
}

const candidatesSql = `
  SELECT received_at, id FROM (${windowSql} LIMIT ${MAX_LOOKED_AT})
  WHERE (?4 IS NULL OR type = ?4) AND (?5 IS NULL OR organization_id = ?5)
  ORDER BY received_at DESC, id DESC`;

const deliveriesSql = `(
  SELECT json_group_array(json_object('destination_id', owed_to.value,
    'status', coalesce(deliveries.status, 'pending'), 'attempt', deliveries.attempts ->> '$[#-1].attempt',
    'outcome', deliveries.attempts ->> '$[#-1].outcome', 'http_status', deliveries.attempts ->> '$[#-1].status'))
  FROM json_each(events.owed) AS owed_to LEFT JOIN deliveries ON ${deliveryOfOwedSql})`;

/** The index knows neither outcome nor resource: with such a filter the rows of so many events are read, and no more. */
export const searchEventsSql = `
  SELECT ${summaryColumns}, duplicates, found.outcome, ${deliveriesSql} AS deliveries
  FROM (
    SELECT page.received_at, page.id, ${eventOutcomeSql} AS outcome
    FROM (${candidatesSql} LIMIT ?6) AS page CROSS JOIN events ON events.id = page.id
    WHERE (?7 IS NULL OR events.resource_id = ?7) AND (?8 IS NULL OR outcome = ?8)
    ORDER BY page.received_at DESC, page.id DESC LIMIT ?9
  ) AS found CROSS JOIN events ON events.id = found.id
  ORDER BY found.received_at DESC, found.id DESC`;

export const lastCandidateSql = `${candidatesSql} LIMIT 1 OFFSET ${OUTCOMES_COUNTED_AT_MOST - 1}`;

/**
 * Newest first. A page can hold fewer events than `limit`, or none, and still have a `next`: then the walk found that few
 * among those it may look at.
 */
export async function searchEvents(
  db: D1Database,
  search: EventSearch,
  also: readonly D1PreparedStatement[] = [],
): Promise<{ events: FoundEvent[]; next: EventPosition | null; also: D1Result[] }> {
  const { type, organizationId, outcome, resourceId, until, before, limit } = search;
  const bound = { receivedAt: until ?? Number.MAX_SAFE_INTEGER, id: "" };
  const start = before !== undefined && before.receivedAt < bound.receivedAt ? before : bound;
  const window = [search.since ?? 0, start.receivedAt, start.id];
  const filters = [type ?? null, organizationId ?? null];
  const isRead = outcome !== undefined || resourceId !== undefined;
  const candidates = isRead ? OUTCOMES_COUNTED_AT_MOST : limit + 1;
  const [page, lastLookedAt, lastCandidate, ...others] = await db.batch([
    db.prepare(searchEventsSql).bind(...window, ...filters, candidates, resourceId ?? null, outcome ?? null, limit + 1),
    db.prepare(lastLookedAtSql).bind(...window),
    db.prepare(lastCandidateSql).bind(...window, ...filters),
    ...also,
  ]);
  const rows = (page?.results ?? []).map((row) => foundRow.parse(row));
  const events = rows.slice(0, limit);
  const last = events.at(-1);
  if (rows.length > limit && last !== undefined) return { events, next: positionOf(last), also: others };
  // Without a filter on rows there is nothing behind a page that is not full, but what the walk has not come to.
  const edge = (isRead ? lastCandidate?.results[0] : undefined) ?? lastLookedAt?.results[0];
  return { events, next: edge === undefined ? null : positionRow.parse(edge), also: others };
}

function positionOf({ receivedAt, id }: EventPosition): EventPosition {
  return { receivedAt, id };
}

const positionRow = z
  .object({ received_at: z.number(), id: z.string() })
  .transform(({ received_at, id }): EventPosition => ({ receivedAt: received_at, id }));

const deliverySummary = z
  .object({
    destination_id: z.string(),
    status: z.enum(["pending", "delivered", "dead"]),
    attempt: z.number().nullable(),
    outcome: z.enum(["delivered", "gone", "redirected", "rejected", "timed_out", "unreachable", "refused"]).nullable(),
    http_status: z.number().nullable(),
  })
  .transform((row): DeliverySummary => ({
    destinationId: row.destination_id,
    status: row.status,
    attempt: row.attempt,
    outcome: row.outcome,
    httpStatus: row.http_status,
  }));

const foundRow = eventRow
  .extend({
    duplicates: z.number(),
    outcome: z.enum(outcomes),
    deliveries: z.string().transform((text) => z.array(deliverySummary).parse(JSON.parse(text))),
  })
  .transform(({ duplicates, outcome, deliveries, ...row }): FoundEvent => ({
    ...toEventFields(row),
    duplicates,
    outcome,
    deliveries,
  }));
