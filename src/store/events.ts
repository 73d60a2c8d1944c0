import { z } from "zod";
import { type Database, retried } from "./database.ts";
import type { RelayEvent } from "../domain/event.ts";
import { MESSAGE_PATIENCE_MS } from "../domain/lease.ts";
import { receivedAtSql } from "./event-order.ts";
import { unfinishedSql } from "./event-progress.ts";
import { batchOnSchema } from "./schema.ts";
import { eventFields, eventRow } from "./event-row.ts";
import { wantsSql } from "./wants.ts";

/**
 * What recording an event found. `lost`: recorded before, but the queue message that should have followed has not been
 * handled for so long that it needs sending again.
 */
export interface Recorded {
  readonly as: "new" | "duplicate" | "lost";
  /** Whether the one recorded before has another body. That one stays. */
  readonly bodyDiffers: boolean;
}

export const eventColumns = `id, source, type, event, organization_id, resource_id, created_at, received_at, queued_at,
    is_unreadable, content_type, content_encoding, body`;
export const eventValues = `?1, ?2, ?3, ?4, ?5, ?6, ?7, ${receivedAtSql("?8")}, ?8, ?9, ?10, ?11, ?12`;

/** Who wants it now. Null when nobody does: then it is finished once its state has been projected, and not before. */
const wantedBySql = `(
  SELECT nullif(json_group_object(destinations.id, NULL), '{}') FROM destinations
  WHERE destinations.enabled = 1 AND ${wantsSql("given")})`;

/** The message that should have followed has not been handled for long, and no consumer has the event. */
const hasLostNextStepSql = `(
  events.queued_at < excluded.queued_at - ${MESSAGE_PATIENCE_MS}
  AND coalesce(events.claimed_until, 0) <= excluded.queued_at AND ${unfinishedSql})`;

/**
 * Records an event. `queued_at` is ours afterwards only if we have set it: a duplicate of the same millisecond takes one off. A
 * call that is repeated (?13) and meets its own row leaves it as it is.
 */
export const recordSql = `
  WITH given (${eventColumns}) AS MATERIALIZED (VALUES (${eventValues}))
  INSERT INTO events (${eventColumns}, claimed_until, recipients)
  SELECT ${eventColumns}, queued_at + ${MESSAGE_PATIENCE_MS}, ${wantedBySql} FROM given WHERE true
  ON CONFLICT (id) DO UPDATE SET
    duplicates = events.duplicates + 1,
    conflicts = events.conflicts + (events.body <> excluded.body),
    queued_at = CASE
      WHEN ${hasLostNextStepSql} THEN excluded.queued_at
      WHEN events.queued_at = excluded.queued_at THEN events.queued_at - 1
      ELSE events.queued_at END
    WHERE NOT (?13 AND excluded.queued_at IN (events.queued_at, events.queued_at + 1))
  RETURNING duplicates, queued_at, iif(duplicates > 0, body, NULL) AS body`;

const recordedRow = z.object({
  duplicates: z.number(),
  queued_at: z.number(),
  /** Of the row that was there before. */
  body: z.string().nullable(),
});

/**
 * Records events by one D1 call. A statement for each also tells a duplicate, says who is to get a new one and gives it the
 * lease of its message (`firstLease`). `isRepeated`: they may have been recorded by the same call before. Rows written: 2 when
 * new, and 2 for a duplicate, which is counted. Throws SchemaMissing.
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
  return events.map((event, index) => toRecorded(event, answers[index]?.results[0]));
}

function toRecorded(event: RelayEvent, found: unknown): Recorded {
  // A repeated call has met its own row. To take a duplicate for new costs a message, the reverse a minute.
  const row = found === undefined ? null : recordedRow.parse(found);
  if (row === null || row.duplicates === 0) return { as: "new", bodyDiffers: false };
  return { as: row.queued_at === event.receivedAt ? "lost" : "duplicate", bodyDiffers: row.body !== event.body };
}

export const recordClaimedSql = `
  INSERT INTO events (${eventColumns}, claims, claimed_until, recipients)
  SELECT ${eventValues}, 1, ?13, (SELECT json_group_object(value, NULL) FROM json_each(?14)) WHERE true
  ON CONFLICT (id) DO NOTHING
  RETURNING id, received_at`;

const writtenRow = z.object({ id: z.string(), received_at: z.number() });

/**
 * Records events that only the queue took, claimed by the consumer that writes them; `also` joins the same transaction.
 * Returns the `receivedAt` of those that were missing, by id.
 */
export async function recordClaimedEvents(
  db: Database,
  events: readonly { readonly event: RelayEvent; readonly recipients: readonly string[] }[],
  { claimedUntil, also }: { claimedUntil: number; also: readonly D1PreparedStatement[] },
): Promise<Map<string, number>> {
  if (events.length === 0) return new Map();
  const statement = db.prepare(recordClaimedSql);
  const answers = await retried(db, () =>
    db.batch([
      ...events.map(({ event, recipients }) =>
        statement.bind(...eventParameters(event), claimedUntil, JSON.stringify(recipients)),
      ),
      ...also,
    ]),
  );
  return new Map(
    answers
      .slice(0, events.length)
      .flatMap(({ results }) =>
        results.map((row) => writtenRow.parse(row)).map(({ id, received_at }) => [id, received_at] as const),
      ),
  );
}

export const recordOnceSql = `INSERT INTO events (${eventColumns}) VALUES (${eventValues}) ON CONFLICT (id) DO NOTHING`;

/** A statement that records an event that may be recorded already; a duplicate is not counted. */
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

/** Bodies that one invocation loads at most: it has 128 MB for everything. */
const MAX_LOADED_BYTES = 16_000_000;

/** Columns of `events` that `readLoadedRow` reads. */
export const loadColumns = `${eventFields},
  CASE WHEN sum(octet_length(body)) OVER (ORDER BY id) <= ${MAX_LOADED_BYTES} THEN body END AS body`;

export const loadSql = `SELECT ${loadColumns} FROM events WHERE id IN (SELECT value FROM json_each(?1))`;

/** A statement that loads events by id; its rows are for `readLoadedRow`. */
export function loadEvents(db: Database, ids: readonly string[]): D1PreparedStatement {
  return db.prepare(loadSql).bind(JSON.stringify(ids));
}

const loadedRow = eventRow
  .extend({ body: z.string().nullable() })
  .transform(({ body, ...fields }): { id: string; event: RelayEvent | null } => ({
    id: fields.id,
    event: body === null ? null : { ...fields, body },
  }));

/** `event` is null when the events before it have filled the memory that there is for them. */
export function readLoadedRow(row: unknown): z.output<typeof loadedRow> {
  return loadedRow.parse(row);
}
