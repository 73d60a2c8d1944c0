import { z } from "zod";
import type { Database } from "./database.ts";
import { attemptOutcomes } from "../domain/delivery.ts";
import { pageOf } from "../platform/page.ts";
import { deliveryStatus } from "./deliveries.ts";
import { withFoundSql } from "./each-key.ts";
import type { EventQuery } from "./event-list.ts";
import { type EventPosition, MAX_LOOKED_AT, edgeOfListSql, readPosition, windowOf, windowSql } from "./event-order.ts";
import {
  type EventOutcome,
  attemptsSql,
  eventOutcomeSql,
  outcomes,
  recipientsWithRowsSql,
  statusSql,
} from "./event-progress.ts";
import { briefBodySql, eventFields, eventRow } from "./events.ts";
import { matchesPatternSql } from "./matches.ts";
import { quarantineId } from "./quarantine.ts";
import { json, rowsOf } from "./rows.ts";

export interface EventSearch extends EventQuery {
  readonly outcome?: EventOutcome | undefined;
  readonly resourceId?: string | undefined;
}

/** How a delivery stands, with its latest attempt. */
const deliverySummary = z.object({
  destinationId: z.string(),
  status: deliveryStatus,
  /** Null before the first attempt, as are the rest. */
  attempt: z.number().nullable(),
  outcome: z.enum(attemptOutcomes).nullable(),
  httpStatus: z.number().nullable(),
});

export type DeliverySummary = z.output<typeof deliverySummary>;

const foundRow = eventRow.extend({
  duplicates: z.number(),
  /** `{}` for one that is larger than any that Qonto is known to send. */
  body: z.string(),
  outcome: z.enum(outcomes),
  deliveries: json(z.array(deliverySummary)),
});

/** An event and how it fared. */
export type FoundEvent = z.output<typeof foundRow>;

/** The newest events that a search looks into: a fraction of a second's work for D1. */
const EVENTS_LOOKED_AT = 2_000;

/** Dead deliveries of each destination that a search looks at, and destinations that have any. */
const DEAD_LOOKED_AT = 500;
const MOST_DESTINATIONS_LOOKED_AT = 500;

const deliveriesSql = `(
  SELECT json_group_array(json_object('destinationId', recipient.key, 'status', ${statusSql},
    'attempt', ${attemptsSql} ->> '$[#-1].attempt', 'outcome', ${attemptsSql} ->> '$[#-1].outcome',
    'httpStatus', ${attemptsSql} ->> '$[#-1].status'))
  FROM ${recipientsWithRowsSql})`;

const matchesSql = `(?5 IS NULL OR ${matchesPatternSql("type", "?5")}) AND (?6 IS NULL OR organization_id = ?6)`;

const candidatesSql = `SELECT seq, received_at AS receivedAt FROM events WHERE ${windowSql(MAX_LOOKED_AT)} AND ${matchesSql} ORDER BY seq DESC`;

/** The order of the index that has only dead deliveries. */
const newestDeadFirst = "ORDER BY events.received_at DESC, events.id DESC";

/** Events with a dead delivery: in each destination's part of that index the newest. */
const deadCandidatesSql = `
  ${withFoundSql("destination_id", "deliveries", { where: "status = 'dead'", most: MOST_DESTINATIONS_LOOKED_AT })}
  SELECT DISTINCT events.seq, events.received_at AS receivedAt, events.id
  FROM found CROSS JOIN json_each((
    SELECT json_group_array(event_id) FROM (
      SELECT event_id FROM deliveries
      WHERE status = 'dead' AND destination_id = found.id AND received_at >= ?1 AND received_at < ?2
        AND (received_at, event_id) < (
          SELECT coalesce(max(received_at), ?2), coalesce(max(id), '') FROM events WHERE seq = ?3)
      ORDER BY received_at DESC, event_id DESC LIMIT ?4))) AS dead
    CROSS JOIN events ON events.id = dead.value
  ${newestDeadFirst}`;

const foundIn = (candidates: string, order: string) => `
  SELECT events.seq, ${eventFields}, duplicates, matching.outcome, ${briefBodySql} AS body,
    ${deliveriesSql} AS deliveries
  FROM (
    SELECT events.seq, ${eventOutcomeSql} AS outcome
    FROM (SELECT seq FROM (${candidates} LIMIT ?4)) AS page CROSS JOIN events ON events.seq = page.seq
    WHERE ${matchesSql} AND (?7 IS NULL OR events.resource_id = ?7) AND (?8 IS NULL OR outcome = ?8)
    ${order} LIMIT ?9
  ) AS matching CROSS JOIN events ON events.seq = matching.seq
  ${order}`;

export const searchEventsSql = foundIn(candidatesSql, "ORDER BY events.seq DESC");
export const searchDeadSql = foundIn(deadCandidatesSql, newestDeadFirst);
export const lastCandidateSql = `${candidatesSql} LIMIT 1 OFFSET ?4 - 1`;
export const lastDeadCandidateSql = `${deadCandidatesSql} LIMIT 1 OFFSET ?4 - 1`;

/**
 * Newest first. A page can hold fewer events than `limit`, or none, and still have a `next`. `also` joins the same D1 call, and
 * its results are returned.
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
  const [found, lastCandidate, edgeOfList, ...others] = await db.batch([
    db.prepare(searchSql).bind(...window, ...filters, resourceId ?? null, outcome ?? null, limit + 1),
    db.prepare(lastSql).bind(...window, ...(isDead ? [] : filters)),
    db.prepare(edgeOfListSql).bind(...windowOf(search)),
    ...also,
  ]);
  const edge = lastCandidate?.results[0] ?? (isDead ? undefined : edgeOfList?.results[0]);
  const { rows, next } = pageOf<unknown>(found?.results ?? [], limit, edge);
  return { events: z.array(foundRow).parse(rows), next: readPosition(next), also: others };
}

/** Without a filter on what is in an event no more events are read than the page shows. */
function candidatesOf({ type, organizationId, outcome, resourceId, limit }: EventSearch): number {
  if (outcome === "dead") {
    const isNarrow = [type, organizationId, resourceId].some((one) => one !== undefined);
    return isNarrow ? DEAD_LOOKED_AT : limit + 1;
  }
  return outcome === undefined && resourceId === undefined ? limit + 1 : EVENTS_LOOKED_AT;
}

/** A resource by whose id somebody asks. */
interface NamedResource {
  readonly organizationId: string;
  readonly type: string;
  readonly resourceId: string;
  /** Of the event that its latest state came with. */
  readonly eventId: string;
  /** Receipt of that event, Unix milliseconds. */
  readonly receivedAt: number;
}

/** What an id names. */
export interface Named {
  readonly isEvent: boolean;
  readonly isRegistration: boolean;
  /** Whether an event of this id is in quarantine. */
  readonly isInQuarantine: boolean;
  readonly resources: readonly NamedResource[];
  /** Whether there are more organizations than could be asked for it. */
  readonly isCutShort: boolean;
}

/** Pairs of organization and type that one search tries: a fraction of a second's work for D1. */
const MOST_TRIED = 5_000;
/** Qonto's ids are unique, but nothing guarantees it. */
const MOST_FOUND = 5;

export const isEventSql = "SELECT 1 FROM events WHERE id = ?1";
export const isRegistrationSql =
  "SELECT 1 FROM registration_stages WHERE registration_id = ?1 AND is_registration = 1 LIMIT 1";
export const isInQuarantineSql = "SELECT 1 FROM quarantine WHERE id = ?1 AND settled_at IS NULL";

/**
 * The key of a resource begins with its organization and type, and an index on its id would be a row more for every event.
 * So this jumps from one organization and type to the next and asks each for the id. The last place always has a row: it says
 * that there may be more.
 */
export const namedResourcesSql = `
  WITH RECURSIVE types (organization_id, type, place) AS (
    SELECT coalesce(?2, ''), '', 0
    UNION ALL
    SELECT resources.organization_id, resources.type, place + 1
    FROM types CROSS JOIN resources ON (resources.organization_id, resources.type, resources.resource_id) = (
      SELECT organization_id, type, resource_id FROM resources AS later
      WHERE (later.organization_id, later.type) > (types.organization_id, types.type)
      ORDER BY organization_id, type LIMIT 1)
    WHERE place < ${MOST_TRIED} AND (?2 IS NULL OR resources.organization_id = ?2)
  )
  SELECT types.organization_id AS organizationId, types.type, events.id AS eventId, events.received_at AS receivedAt
  FROM types LEFT JOIN resources ON resources.organization_id = types.organization_id
    AND resources.type = types.type AND resources.resource_id = ?1
    LEFT JOIN events ON events.seq = resources.event_seq
  WHERE resources.resource_id IS NOT NULL OR place = ${MOST_TRIED}
  ORDER BY place DESC LIMIT ${MOST_FOUND + 1}`;

const namedResourceRow = z.object({
  organizationId: z.string(),
  type: z.string(),
  eventId: z.string().nullable(),
  receivedAt: z.number().nullable(),
});

/** Finds what has this id: one D1 call. */
export async function findNamed(db: Database, id: string, organizationId: string | undefined): Promise<Named> {
  const [event, registration, quarantined, found] = await db.batch([
    db.prepare(isEventSql).bind(id),
    db.prepare(isRegistrationSql).bind(id),
    db.prepare(isInQuarantineSql).bind(await quarantineId(id, new Uint8Array())),
    db.prepare(namedResourcesSql).bind(id, organizationId ?? null),
  ]);
  const rows = rowsOf(namedResourceRow, found);
  return {
    isEvent: event?.results.length === 1,
    isRegistration: registration?.results.length === 1,
    isInQuarantine: quarantined?.results.length === 1,
    resources: rows.flatMap(({ eventId, receivedAt, ...row }) =>
      eventId === null || receivedAt === null ? [] : [{ ...row, resourceId: id, eventId, receivedAt }],
    ),
    isCutShort: rows.some(({ eventId }) => eventId === null),
  };
}
