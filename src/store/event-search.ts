import { z } from "zod";
import type { Database } from "./database.ts";
import { type DeliveryStatus, type Outcome, attemptOutcomes } from "../domain/delivery.ts";
import {
  type EventPosition,
  type EventQuery,
  type EventSummary,
  MAX_LOOKED_AT,
  edgeOfListSql,
  readPosition,
  summaryColumns,
  windowOf,
  windowSql,
} from "./event-list.ts";
import { type EventOutcome, OUTCOMES_COUNTED_AT_MOST, outcomes } from "./event-outcomes.ts";
import { attemptsSql, eventOutcomeSql, recipientsWithRowsSql, statusSql } from "./event-progress.ts";
import { eventRow, toEventFields } from "./event-row.ts";

/** An event with what became of it, and of how it came. */
export interface FoundEvent extends Omit<EventSummary, "state"> {
  readonly outcome: EventOutcome;
  /** Times that it came again. */
  readonly duplicates: number;
  readonly deliveries: readonly DeliverySummary[];
  /** `{}` for one that is larger than any that Qonto is known to send. */
  readonly body: string;
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

/** Of each destination's dead deliveries; and destinations that have any. */
const DEAD_LOOKED_AT = 500;
const MOST_DESTINATIONS_LOOKED_AT = 500;

const deliveriesSql = `(
  SELECT json_group_array(json_object('destination_id', recipient.key, 'status', ${statusSql},
    'attempt', ${attemptsSql} ->> '$[#-1].attempt', 'outcome', ${attemptsSql} ->> '$[#-1].outcome',
    'http_status', ${attemptsSql} ->> '$[#-1].status'))
  FROM ${recipientsWithRowsSql})`;

/** A page of large bodies would be too much for D1; an event with one has no summary. */
const MAX_SUMMARY_BYTES = 16_384;
const briefBodySql = `iif(octet_length(events.body) <= ${MAX_SUMMARY_BYTES}, events.body, '{}')`;

const matchesSql = `(?5 IS NULL OR type = ?5) AND (?6 IS NULL OR organization_id = ?6)`;

const candidatesSql = `SELECT seq, received_at FROM events WHERE ${windowSql(MAX_LOOKED_AT)} AND ${matchesSql} ORDER BY seq DESC`;

/** The order of the index that has only dead deliveries. */
const newestDeadFirst = "ORDER BY events.received_at DESC, events.id DESC";

/** Those of which some destination's delivery is dead: in each destination's part of that index the newest. */
const deadCandidatesSql = `
  WITH RECURSIVE refusing (id, place) AS (
    SELECT (SELECT min(destination_id) FROM deliveries WHERE status = 'dead'), 1
    UNION ALL
    SELECT (SELECT min(destination_id) FROM deliveries WHERE status = 'dead' AND destination_id > refusing.id), place + 1
    FROM refusing WHERE refusing.id IS NOT NULL AND place < ${MOST_DESTINATIONS_LOOKED_AT}
  )
  SELECT DISTINCT events.seq, events.received_at, events.id
  FROM refusing CROSS JOIN json_each((
    SELECT json_group_array(event_id) FROM (
      SELECT event_id FROM deliveries
      WHERE status = 'dead' AND destination_id = refusing.id AND received_at >= ?1 AND received_at < ?2
        AND (received_at, event_id) < (
          SELECT coalesce(max(received_at), ?2), coalesce(max(id), '') FROM events WHERE seq = ?3)
      ORDER BY received_at DESC, event_id DESC LIMIT ?4))) AS dead
    CROSS JOIN events ON events.id = dead.value
  ${newestDeadFirst}`;

const foundIn = (candidates: string, order: string) => `
  SELECT events.seq, ${summaryColumns}, duplicates, found.outcome,
    ${briefBodySql} AS body, ${deliveriesSql} AS deliveries
  FROM (
    SELECT events.seq, ${eventOutcomeSql} AS outcome
    FROM (SELECT seq FROM (${candidates} LIMIT ?4)) AS page CROSS JOIN events ON events.seq = page.seq
    WHERE ${matchesSql} AND (?7 IS NULL OR events.resource_id = ?7) AND (?8 IS NULL OR outcome = ?8)
    ${order} LIMIT ?9
  ) AS found CROSS JOIN events ON events.seq = found.seq
  ${order}`;

export const searchEventsSql = foundIn(candidatesSql, "ORDER BY events.seq DESC");
export const searchDeadSql = foundIn(deadCandidatesSql, newestDeadFirst);
export const lastCandidateSql = `${candidatesSql} LIMIT 1 OFFSET ?4 - 1`;
export const lastDeadCandidateSql = `${deadCandidatesSql} LIMIT 1 OFFSET ?4 - 1`;

/**
 * Newest first. A page can hold fewer events than `limit`, or none, and still have a `next`: then the walk found that few
 * among those it may look at.
 */
export async function searchEvents(
  db: Database,
  search: EventSearch,
  also: readonly D1PreparedStatement[] = [],
): Promise<{ events: FoundEvent[]; next: EventPosition | null; also: D1Result[] }> {
  const { type, organizationId, outcome, resourceId, limit } = search;
  const filters = [type ?? null, organizationId ?? null];
  const isDead = outcome === "dead";
  // Should the last event shown be deleted meanwhile, its time still says where to go on.
  const lastTime = isDead && search.before !== undefined ? search.before.receivedAt + 1 : Number.MAX_SAFE_INTEGER;
  const until = Math.min(search.until ?? Number.MAX_SAFE_INTEGER, lastTime);
  const window = [...windowOf({ ...search, until }), candidatesOf(search)];
  const [searchSql, lastSql] = isDead ? [searchDeadSql, lastDeadCandidateSql] : [searchEventsSql, lastCandidateSql];
  const [page, lastCandidate, behind, ...others] = await db.batch([
    db.prepare(searchSql).bind(...window, ...filters, resourceId ?? null, outcome ?? null, limit + 1),
    db.prepare(lastSql).bind(...window, ...(isDead ? [] : filters)),
    db.prepare(edgeOfListSql).bind(...windowOf(search)),
    ...also,
  ]);
  const rows = page?.results ?? [];
  const events = rows.slice(0, limit).map((row) => foundRow.parse(row));
  const edge = lastCandidate?.results[0] ?? (isDead ? undefined : behind?.results[0]);
  return { events, next: readPosition(rows.length > limit ? rows[limit - 1] : edge), also: others };
}

/** Only type and organization are asked before an event is looked into: then so many events' rows are read, and no more. */
function candidatesOf({ type, organizationId, outcome, resourceId, limit }: EventSearch): number {
  if (outcome === "dead") {
    const isNarrow = [type, organizationId, resourceId].some((one) => one !== undefined);
    return isNarrow ? DEAD_LOOKED_AT : limit + 1;
  }
  return outcome === undefined && resourceId === undefined ? limit + 1 : OUTCOMES_COUNTED_AT_MOST;
}

const deliverySummary = z
  .object({
    destination_id: z.string(),
    status: z.enum(["pending", "delivered", "dead"]),
    attempt: z.number().nullable(),
    outcome: z.enum(attemptOutcomes).nullable(),
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
    body: z.string(),
    outcome: z.enum(outcomes),
    deliveries: z.string().transform((text) => z.array(deliverySummary).parse(JSON.parse(text))),
  })
  .transform(({ duplicates, outcome, deliveries, body, ...row }): FoundEvent => ({
    ...toEventFields(row),
    duplicates,
    outcome,
    deliveries,
    body,
  }));
