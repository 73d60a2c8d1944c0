import { z } from "zod";
import type { Database } from "./database.ts";
import { quarantineId } from "./quarantine.ts";

/** A resource by whose id somebody asks. */
export interface NamedResource {
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
  /** Whether an event of this id waits in quarantine. */
  readonly isInQuarantine: boolean;
  readonly resources: readonly NamedResource[];
  /** Whether there are more organizations than could be asked for it. */
  readonly isCutShort: boolean;
}

/** Pairs of organization and type that one look tries: a fraction of a second's work for D1. */
const MOST_TRIED = 5_000;
/** Qonto's ids are unique, yet nothing holds it to that. */
const MOST_FOUND = 5;

export const isEventSql = "SELECT 1 FROM events WHERE id = ?1";
export const isRegistrationSql =
  "SELECT 1 FROM registration_stages WHERE registration_id = ?1 AND is_registration = 1 LIMIT 1";
export const isInQuarantineSql = "SELECT 1 FROM quarantine WHERE id = ?1 AND settled_at IS NULL";

/**
 * The key of a resource begins with its organization and type, and an index on its id would be a row more for every event.
 * So this jumps from one organization and type to the next and asks each for the id. The last place has a row in any case:
 * it says that there may be more.
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
  SELECT types.organization_id, types.type, events.id AS event_id, events.received_at
  FROM types LEFT JOIN resources ON resources.organization_id = types.organization_id
    AND resources.type = types.type AND resources.resource_id = ?1
    LEFT JOIN events ON events.seq = resources.event_seq
  WHERE resources.resource_id IS NOT NULL OR place = ${MOST_TRIED}
  ORDER BY place DESC LIMIT ${MOST_FOUND + 1}`;

const resourceRow = z.object({
  organization_id: z.string(),
  type: z.string(),
  event_id: z.string().nullable(),
  received_at: z.number().nullable(),
});

/** What has this id: one D1 call. */
export async function findNamed(db: Database, id: string, organizationId: string | undefined): Promise<Named> {
  const [event, registration, quarantined, found] = await db.batch([
    db.prepare(isEventSql).bind(id),
    db.prepare(isRegistrationSql).bind(id),
    db.prepare(isInQuarantineSql).bind(await quarantineId(id, new Uint8Array())),
    db.prepare(namedResourcesSql).bind(id, organizationId ?? null),
  ]);
  const rows = (found?.results ?? []).map((row) => resourceRow.parse(row));
  return {
    isEvent: event?.results.length === 1,
    isRegistration: registration?.results.length === 1,
    isInQuarantine: quarantined?.results.length === 1,
    resources: rows.flatMap(({ organization_id, type, event_id, received_at }) =>
      event_id === null || received_at === null
        ? []
        : [{ organizationId: organization_id, type, resourceId: id, eventId: event_id, receivedAt: received_at }],
    ),
    isCutShort: rows.some(({ event_id }) => event_id === null),
  };
}
