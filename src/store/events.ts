import { z } from "zod";
import { writeAll } from "./batch.ts";
import { type Database, retried } from "./database.ts";
import { RECONCILED_PREFIX, type RelayEvent } from "../domain/event.ts";
import { MESSAGE_TIMEOUT_MS } from "../domain/lease.ts";
import { receivedAtSql } from "./event-order.ts";
import { isUndispatchedSql } from "./event-progress.ts";
import { batchOnSchema } from "./schema.ts";
import { flag, reader } from "./rows.ts";
import { matchesSql } from "./matches.ts";
import { latestVersionSql } from "./versions.ts";

/** What recording an event found. `duplicate_to_requeue`: its queue message has been lost, and must be sent again. */
export interface Recorded {
  readonly status: "new" | "duplicate" | "duplicate_to_requeue";
  /** Whether the event was recorded before with another body. That one stays. */
  readonly isConflict: boolean;
}

/** Columns of `events`: all of an event but its body. */
export const eventFields = `
  events.id, source, type, event, organization_id AS organizationId, resource_id AS resourceId, created_at AS createdAt,
  received_at AS receivedAt, is_unreadable AS isUnreadable, content_type AS contentType, content_encoding AS contentEncoding`;

/** Whether an event is reconciled, in SQL on its id. `isReconciled` in src/domain/event.ts says the same. */
export const isReconciledSql = (id: string) => `(${id} GLOB '${RECONCILED_PREFIX}*')`;

/** Larger than any body that Qonto is known to send. A page of larger ones would be too much for D1. */
const MOST_BRIEF_BYTES = 16_384;

/** On a row of `events`: its body as lists of the console have it, `{}` for one that is too large. */
export const briefBodySql = `iif(octet_length(events.body) <= ${MOST_BRIEF_BYTES}, events.body, '{}')`;

export const eventRow = z.object({
  id: z.string(),
  source: z.enum(["business", "onboarding"]),
  type: z.string(),
  event: z.string().nullable(),
  organizationId: z.string().nullable(),
  resourceId: z.string().nullable(),
  createdAt: z.string().nullable(),
  receivedAt: z.number(),
  isUnreadable: flag,
  contentType: z.string().nullable(),
  contentEncoding: z.string().nullable(),
}) satisfies z.ZodType<Omit<RelayEvent, "body">>;

export const eventColumns = `id, source, type, event, organization_id, resource_id, created_at, received_at, queued_at,
    is_unreadable, content_type, content_encoding, body`;
/** ?8 is when it is received, and when its queue message is sent. */
export const eventValues = `?1, ?2, ?3, ?4, ?5, ?6, ?7, ${receivedAtSql("?8")}, ?8, ?9, ?10, ?11, ?12`;

/** The destinations that match the row `given`. Null when none does: why not `{}`, `markUnmatchedSql` says. */
export const matchingIdsSql = `(
  SELECT nullif(json_group_object(destinations.id, NULL), '{}') FROM destinations
  WHERE destinations.enabled = 1 AND ${matchesSql("given")})`;

/** The message that should have followed was sent long ago, no consumer has the event, and it is undispatched. */
const isMessageLostSql = `(
  events.queued_at < excluded.queued_at - ${MESSAGE_TIMEOUT_MS}
  AND coalesce(events.lease_until, 0) <= excluded.queued_at AND ${isUndispatchedSql})`;

/**
 * RETURNING sees the updated row: `queued_at = ?8` says that this call promised the message. Two duplicates of the same
 * millisecond may both find it so, which costs a message.
 */
const isRequeuedSql = `(
  duplicates > 0 AND queued_at = ?8 AND coalesce(lease_until, 0) <= ?8 AND ${isUndispatchedSql})`;

/**
 * Records an event, or counts a duplicate of it and promises another message if the first was lost. A repeated call (?13)
 * that meets its own row changes nothing. Here and elsewhere SQLite needs `WHERE true` between SELECT and ON CONFLICT, because
 * ON could belong to a join.
 */
export const recordSql = `
  WITH given (${eventColumns}) AS MATERIALIZED (VALUES (${eventValues}))
  INSERT INTO events (${eventColumns}, lease_until, recipients)
  SELECT ${eventColumns}, queued_at + ${MESSAGE_TIMEOUT_MS}, ${matchingIdsSql} FROM given WHERE true
  ON CONFLICT (id) DO UPDATE SET
    duplicates = events.duplicates + 1,
    conflicts = events.conflicts + (events.body <> excluded.body),
    queued_at = iif(${isMessageLostSql}, excluded.queued_at, events.queued_at)
    WHERE NOT (?13 AND events.queued_at = excluded.queued_at)
  RETURNING duplicates, ${isRequeuedSql} AS isRequeued, iif(duplicates > 0, body, NULL) AS body`;

const recordedRow = z.object({
  duplicates: z.number(),
  isRequeued: flag,
  /** Of the row that was there before; null when the event is new. */
  body: z.string().nullable(),
});

/**
 * Records events by one D1 call, each with its recipients and the lease of its message (`firstLease`), or counts duplicates.
 * `isRepeated`: the same call may have recorded them before. Rows written: 2 for each event, new or duplicate. Throws
 * SchemaMissing.
 */
export async function recordEvents(
  db: Database,
  events: readonly RelayEvent[],
  isRepeated: boolean,
): Promise<Recorded[]> {
  const statement = db.prepare(recordSql);
  const answers = await retried(db, (before) =>
    batchOnSchema(
      db,
      events.map((event) => statement.bind(...eventParameters(event), isRepeated || before > 0 ? 1 : 0)),
    ),
  );
  const requeued = new Set<string>();
  return events.map((event, index): Recorded => {
    const [found] = answers[index]?.results ?? [];
    // A repeated call met its own row. A duplicate that is taken for new costs a message; the reverse would cost a minute.
    if (found === undefined) return { status: "new", isConflict: false };
    const row = recordedRow.parse(found);
    if (row.duplicates === 0) return { status: "new", isConflict: false };
    // Of several in a group one sends the message.
    const mustRequeue = row.isRequeued && !requeued.has(event.id);
    if (mustRequeue) requeued.add(event.id);
    return { status: mustRequeue ? "duplicate_to_requeue" : "duplicate", isConflict: row.body !== event.body };
  });
}

export const recordClaimedSql = `
  INSERT INTO events (${eventColumns}, claims, lease_until, recipients)
  SELECT ${eventValues}, 1, ?13, (SELECT json_group_object(value, NULL) FROM json_each(?14)) WHERE true
  ON CONFLICT (id) DO NOTHING
  RETURNING id, received_at AS receivedAt`;

const readReceipt = reader({ id: z.string(), receivedAt: z.number() });

/**
 * Records events that only the queue has, with a claim of the consumer that records them; `also` joins the same transaction.
 * They count as received and queued at `queuedAt`. Returns the `receivedAt` of those that were not there yet, by id.
 */
export async function recordClaimedEvents(
  db: Database,
  events: readonly { readonly event: RelayEvent; readonly recipients: readonly string[] }[],
  { queuedAt, leaseUntil, also }: { queuedAt: number; leaseUntil: number; also: readonly D1PreparedStatement[] },
): Promise<Map<string, number>> {
  if (events.length === 0) return new Map();
  const statement = db.prepare(recordClaimedSql);
  const { recorded } = await writeAll(db, {
    recorded: events.map(({ event, recipients }) =>
      statement.bind(...eventParameters({ ...event, receivedAt: queuedAt }), leaseUntil, JSON.stringify(recipients)),
    ),
    also,
  });
  return new Map(recorded.rows.map(readReceipt).map(({ id, receivedAt }) => [id, receivedAt]));
}

export const recordOnceSql = `INSERT INTO events (${eventColumns}) VALUES (${eventValues}) ON CONFLICT (id) DO NOTHING`;

/** A statement that records an event unless it is recorded already. It counts no duplicate. */
export function recordOnce(db: Database, event: RelayEvent): D1PreparedStatement {
  return db.prepare(recordOnceSql).bind(...eventParameters(event));
}

/** For `eventValues`. */
export function eventParameters(event: RelayEvent): unknown[] {
  return [
    event.id,
    event.source,
    event.type,
    event.event,
    event.organizationId,
    event.resourceId,
    event.createdAt,
    event.receivedAt,
    event.isUnreadable ? 1 : 0,
    event.contentType,
    event.contentEncoding,
    event.body,
  ];
}

/** An invocation has 128 MB for everything. */
const MAX_LOADED_BYTES = 16_000_000;

/** Columns of `events` that `readLoadedRow` reads. */
export const loadColumns = `${eventFields},
  CASE WHEN sum(octet_length(body)) OVER (ORDER BY id) <= ${MAX_LOADED_BYTES} THEN body END AS body,
  ${latestVersionSql("events")} AS latestVersion`;

export const loadSql = `SELECT ${loadColumns} FROM events WHERE id IN (SELECT value FROM json_each(?1))`;

/** A statement that loads events by id; its rows are for `readLoadedRow`. */
export function loadEvents(db: Database, ids: readonly string[]): D1PreparedStatement {
  return db.prepare(loadSql).bind(JSON.stringify(ids));
}

/** An event as D1 has it. */
interface LoadedRow {
  readonly id: string;
  /** Null when there is no memory left for its body. */
  readonly event: RelayEvent | null;
  /** Of the resource that it is about (`latestVersionSql`). */
  readonly latestVersion: string | null;
}

const loadedRow = eventRow
  .extend({ body: z.string().nullable(), latestVersion: z.string().nullable() })
  .transform(({ body, latestVersion, ...fields }): LoadedRow => ({
    id: fields.id,
    event: body === null ? null : { ...fields, body },
    latestVersion,
  }));

export const readLoadedRow = (row: unknown) => loadedRow.parse(row);
