import { z } from "zod";
import { writeAll } from "./batch.ts";
import { type Database, retried } from "./database.ts";
import type { RawEvent, RelayEvent } from "../domain/event.ts";
import { digestOf } from "../platform/digest.ts";
import { eventColumns, eventParameters, eventRow, eventValues } from "./events.ts";
import { flag, reader, rowsOf } from "./rows.ts";
import { batchOnSchema } from "./schema.ts";

/** `recorded`: the event is recorded already. `full`: there is no room, and nothing was kept. */
export type Kept = "kept" | "kept_before" | "recorded" | "full";

/** The quarantine is bounded, so that the database always has room for events. */
export const MOST_WAITING = 20_000;
export const MOST_WAITING_BYTES = 500_000_000;

/** The id under which an event is kept once: that of its own id or, without one, of its body. */
export async function quarantineId(eventId: string | null, body: Uint8Array<ArrayBuffer>): Promise<string> {
  return digestOf(eventId === null ? body : `event:${eventId}`);
}

/** An event as it is quarantined, once. `eventId`: null when none can be read. */
export async function toQuarantined(
  event: RawEvent,
  reason: QuarantineReason,
  eventId: string | null,
): Promise<Quarantined> {
  return { ...event, id: await quarantineId(eventId, event.body), eventId, reason };
}

/** The id of the event on a row of `quarantine`; one without takes that of the row when it is released. */
const eventIdSql = "coalesce(quarantine.event_id, quarantine.id)";

/**
 * On a row of `quarantine`: nobody has released it, and its event has not been accepted otherwise. The latter is read off the
 * events, so that accepting one costs nothing. The cron settles such a copy later.
 */
export const isWaitingSql = `quarantine.settled_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM events WHERE events.id = ${eventIdSql})`;

export const keepSql = `
  INSERT INTO quarantine (id, event_id, reason, source, received_at, size_bytes, content_type, content_encoding, body)
  SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9
  WHERE NOT EXISTS (SELECT 1 FROM events WHERE id = coalesce(?2, ?1))
    AND (SELECT count(*) < ${MOST_WAITING} AND coalesce(sum(size_bytes), 0) + ?6 <= ${MOST_WAITING_BYTES}
      FROM quarantine INDEXED BY quarantine_waiting WHERE settled_at IS NULL)
  ON CONFLICT (id) DO NOTHING
  RETURNING id`;

/** Notes that something new is about to be kept, or finds no room. Alerts look at it. */
export const noteKeepingSql = `
  INSERT INTO cron_state (name, value) SELECT 'quarantined_at', ?3
  WHERE NOT EXISTS (SELECT 1 FROM quarantine WHERE id = ?1)
    AND NOT EXISTS (SELECT 1 FROM events WHERE id = coalesce(?2, ?1))
  ON CONFLICT (name) DO UPDATE SET value = max(value + 1, excluded.value)`;

export const whyNotKeptSql = `
  SELECT EXISTS (SELECT 1 FROM quarantine WHERE id = ?1) AS kept,
    EXISTS (SELECT 1 FROM events WHERE id = coalesce(?2, ?1)) AS recorded`;

const whyNot = z.object({ kept: flag, recorded: flag });

/** A copy of a recorded event that has another body is not kept, but counted. */
export const conflictOfCopySql = `
  UPDATE events SET conflicts = conflicts + 1 WHERE id = ?1 AND is_unreadable = 0 AND body <> CAST(?2 AS TEXT)`;

/** Keeps an event once, unless it is recorded already or there is no room. Rows written: 4. Throws SchemaMissing. */
export async function keepInQuarantine(db: Database, quarantined: Quarantined): Promise<Kept> {
  const { id, eventId, body } = quarantined;
  const [, kept, found] = await retried(db, () =>
    batchOnSchema(db, [
      ...keepAndNote(db, quarantined),
      db.prepare(whyNotKeptSql).bind(id, eventId),
      db.prepare(conflictOfCopySql).bind(eventId, body),
    ]),
  );
  if (kept !== undefined && kept.results.length > 0) return "kept";
  const why = whyNot.parse(found?.results[0]);
  if (why.recorded) return "recorded";
  return why.kept ? "kept_before" : "full";
}

/** The statements that keep it and note that, for their caller's transaction. Rows written: 4. */
export function keepAndNote(db: Database, quarantined: Quarantined): [D1PreparedStatement, D1PreparedStatement] {
  const { id, eventId, receivedAt } = quarantined;
  return [db.prepare(noteKeepingSql).bind(id, eventId, receivedAt), keep(db, quarantined)];
}

function keep(db: Database, quarantined: Quarantined): D1PreparedStatement {
  return db
    .prepare(keepSql)
    .bind(
      quarantined.id,
      quarantined.eventId,
      quarantined.reason,
      quarantined.source,
      quarantined.receivedAt,
      quarantined.body.length,
      quarantined.contentType,
      quarantined.contentEncoding,
      quarantined.body,
    );
}

const columns = "id, event_id AS eventId, reason, received_at AS receivedAt, size_bytes AS sizeBytes";

const listedRow = z.object({
  id: z.string(),
  /** Null when none can be read. */
  eventId: z.string().nullable(),
  reason: z.enum(["timestamp_too_old", "unreadable"]),
  /** Unix milliseconds. */
  receivedAt: z.number(),
  sizeBytes: z.number(),
});

/** One in quarantine, without its body. */
export type QuarantineListing = z.output<typeof listedRow>;

export type QuarantineReason = QuarantineListing["reason"];

export const listQuarantineSql = `
  SELECT ${columns} FROM quarantine INDEXED BY quarantine_waiting
  WHERE ${isWaitingSql} AND (received_at, id) < (?1, ?2)
  ORDER BY received_at DESC, id DESC LIMIT ?3`;

/** Reads the index alone, and passes those that wait, which are bounded. */
export const listSettledSql = `
  SELECT ${columns} FROM quarantine INDEXED BY quarantine_by_time
  WHERE settled_at IS NOT NULL AND (received_at, id) < (?1, ?2)
  ORDER BY received_at DESC, id DESC LIMIT ?3`;

/** Those that wait, or those that are settled, newest first; `before` is the last one already shown. */
export async function listQuarantine(
  db: Database,
  before: { readonly receivedAt: number; readonly id: string } | undefined,
  limit: number,
  state: "waiting" | "settled" = "waiting",
): Promise<QuarantineListing[]> {
  const { receivedAt, id } = before ?? { receivedAt: Number.MAX_SAFE_INTEGER, id: "" };
  const statement = state === "waiting" ? db.prepare(listQuarantineSql) : db.prepare(listSettledSql);
  return rowsOf(listedRow, await statement.bind(receivedAt, id, limit).all());
}

export const isWaitingByIdSql = `SELECT ${isWaitingSql} AS waits FROM quarantine WHERE id = ?1`;

/** Whether a release records an event; null when nothing is kept under `id`. */
export async function isWaitingInQuarantine(db: Database, id: string): Promise<boolean | null> {
  const row = await db.prepare(isWaitingByIdSql).bind(id).first();
  return z.object({ waits: flag }).nullable().parse(row)?.waits ?? null;
}

/** Settled or not. In two halves: no text that D1 makes may exceed 2 MB. */
export const findQuarantinedSql = `
  SELECT ${columns}, settled_at AS settledAt, source, content_type AS contentType, content_encoding AS contentEncoding,
    hex(substr(body, 1, size_bytes / 2)) AS firstHalf, hex(substr(body, size_bytes / 2 + 1)) AS secondHalf
  FROM quarantine WHERE id = ?1`;

const foundRow = listedRow
  .extend({
    source: eventRow.shape.source,
    contentType: z.string().nullable(),
    contentEncoding: z.string().nullable(),
    /** Unix milliseconds; null while it waits. */
    settledAt: z.number().nullable(),
    firstHalf: z.string(),
    secondHalf: z.string(),
  })
  .transform(({ firstHalf, secondHalf, ...row }) => ({
    ...row,
    body: Uint8Array.fromHex(firstHalf + secondHalf) as Uint8Array,
  }));

export type FoundInQuarantine = z.output<typeof foundRow>;

/** An authentic event that is stale or unreadable, with its original bytes. */
export interface Quarantined extends RawEvent {
  readonly id: string;
  /** Null when none can be read. */
  readonly eventId: string | null;
  readonly reason: QuarantineReason;
}

export async function findQuarantined(db: Database, id: string): Promise<FoundInQuarantine | null> {
  return foundRow.nullable().parse(await db.prepare(findQuarantinedSql).bind(id).first());
}

export const dropSql = "DELETE FROM quarantine WHERE id = ?1";

/** Returns whether it was there. */
export async function dropQuarantined(db: Database, id: string): Promise<boolean> {
  const { meta } = await db.prepare(dropSql).bind(id).run();
  return meta.changes > 0;
}

export const recordReleasedSql = `
  INSERT INTO events (${eventColumns}) SELECT ${eventValues}
  WHERE EXISTS (SELECT 1 FROM quarantine WHERE id = ?13 AND settled_at IS NULL)
  ON CONFLICT (id) DO NOTHING
  RETURNING id`;

/** An event of the same id has another body: that one stays, and the conflict is counted. */
export const conflictOfReleasedSql = `
  UPDATE events SET conflicts = conflicts + 1 FROM quarantine
  WHERE quarantine.id = ?1 AND settled_at IS NULL
    AND events.id = quarantine.event_id AND events.body <> CAST(quarantine.body AS TEXT)`;

export const settleReleasedSql = "UPDATE quarantine SET settled_at = ?2 WHERE id = ?1 AND settled_at IS NULL";

/**
 * Records the event of a quarantined copy and settles the copy, in one transaction. Returns whether the event needs a queue
 * message. A settled copy records nothing, even when retention has deleted its event. Rows written: 4.
 */
export async function recordReleased(db: Database, id: string, event: RelayEvent): Promise<boolean> {
  let isRepeated = false;
  const [recorded] = await retried(db, (before) => {
    isRepeated = before > 0;
    return db.batch([
      db.prepare(recordReleasedSql).bind(...eventParameters(event), id),
      db.prepare(conflictOfReleasedSql).bind(id),
      db.prepare(settleReleasedSql).bind(id, event.receivedAt),
    ]);
  });
  // A repeated call may have found its own row.
  return isRepeated || (recorded?.results ?? []).length > 0;
}

const overtakenSql = `
  FROM quarantine INDEXED BY quarantine_waiting WHERE settled_at IS NULL AND NOT (${isWaitingSql}) ORDER BY id LIMIT ?1`;

export const conflictsOfAcceptedSql = `
  UPDATE events SET conflicts = conflicts + 1
  FROM (SELECT quarantine.event_id, CAST(quarantine.body AS TEXT) AS body ${overtakenSql}) AS overtaken
  WHERE events.id = overtaken.event_id AND events.body <> overtaken.body
  RETURNING events.id`;

export const settleAcceptedSql = `UPDATE quarantine SET settled_at = ?2 WHERE id IN (SELECT id ${overtakenSql})`;

const readConflict = reader({ id: z.string() });

/**
 * Settles up to `limit` copies whose event has been accepted otherwise. Returns how many there were, and the ids of the events
 * that have another body.
 */
export async function settleAccepted(
  db: Database,
  now: number,
  limit: number,
): Promise<{ settled: number; conflicting: string[] }> {
  const { conflicts, settled } = await writeAll(db, {
    conflicts: db.prepare(conflictsOfAcceptedSql).bind(limit),
    settled: db.prepare(settleAcceptedSql).bind(limit, now),
  });
  return { settled: settled.changes, conflicting: conflicts.rows.map((row) => readConflict(row).id) };
}
