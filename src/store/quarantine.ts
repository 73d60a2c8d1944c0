import { z } from "zod";
import { type Database, retried } from "./database.ts";
import type { Source } from "../domain/event.ts";
import { batchOnSchema } from "./schema.ts";

export type QuarantineReason = "timestamp_too_old" | "unreadable";

/** An authentic event that could not go down the road, with its original bytes. */
export interface Quarantined {
  readonly id: string;
  /** Null when none can be read. */
  readonly eventId: string | null;
  readonly reason: QuarantineReason;
  readonly source: Source;
  /** Unix milliseconds. */
  readonly receivedAt: number;
  readonly contentType: string | null;
  readonly contentEncoding: string | null;
  readonly body: Uint8Array;
}

/** `recorded`: an event of that id is on the road already. `full`: there is no room, and nothing was kept. */
export type Kept = "kept" | "kept_before" | "recorded" | "full";

/** The quarantine is bounded: whatever misbehaves before it, the database has room for the events. */
export const MOST_WAITING = 20_000;
export const MOST_WAITING_BYTES = 500_000_000;

/** The id under which an event is kept once: that of its own id or, without one, of its body. */
export async function quarantineId(eventId: string | null, body: Uint8Array): Promise<string> {
  const named = eventId === null ? body : new TextEncoder().encode(`event:${eventId}`);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", named)).toHex();
}

/** The id of the event on a row of `quarantine`; one without takes that of the row when it is released. */
const eventIdSql = "coalesce(quarantine.event_id, quarantine.id)";

/**
 * On a row of `quarantine`: nobody has released it, and its event has not been accepted by another way. The latter is read
 * off the events, so that to accept one costs nothing; the cron writes it down behind.
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

export const whyNotKeptSql = `
  SELECT EXISTS (SELECT 1 FROM quarantine WHERE id = ?1) AS kept,
    EXISTS (SELECT 1 FROM events WHERE id = coalesce(?2, ?1)) AS recorded`;

const whyNot = z.object({ kept: z.number(), recorded: z.number() });

/** A copy of a recorded event that has another body is not kept, but counted. */
export const conflictOfCopySql = `
  UPDATE events SET conflicts = conflicts + 1 WHERE id = ?1 AND is_unreadable = 0 AND body <> CAST(?2 AS TEXT)`;

/** Keeps an event once, and not at all when it is recorded already or there is no room for it. Throws SchemaMissing. */
export async function keepInQuarantine(db: Database, quarantined: Quarantined): Promise<Kept> {
  const { id, eventId, body } = quarantined;
  const [kept, found] = await retried(db, () =>
    batchOnSchema(db, [
      keep(db, quarantined),
      db.prepare(whyNotKeptSql).bind(id, eventId),
      db.prepare(conflictOfCopySql).bind(eventId, body),
    ]),
  );
  if (kept !== undefined && kept.results.length > 0) return "kept";
  const why = whyNot.parse(found?.results[0]);
  if (why.recorded === 1) return "recorded";
  return why.kept === 1 ? "kept_before" : "full";
}

/** The statement that keeps it, for its caller's transaction. Rows written: 3. */
export function keep(db: Database, quarantined: Quarantined): D1PreparedStatement {
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

const listed = z
  .object({
    id: z.string(),
    event_id: z.string().nullable(),
    reason: z.enum(["timestamp_too_old", "unreadable"]),
    received_at: z.number(),
    size_bytes: z.number(),
  })
  .transform((row) => ({
    id: row.id,
    eventId: row.event_id,
    reason: row.reason,
    receivedAt: row.received_at,
    sizeBytes: row.size_bytes,
  }));

/** One in quarantine, without its body. */
export type QuarantineListing = z.output<typeof listed>;

export const listQuarantineSql = `
  SELECT id, event_id, reason, received_at, size_bytes FROM quarantine INDEXED BY quarantine_waiting
  WHERE ${isWaitingSql} AND (received_at, id) < (?1, ?2)
  ORDER BY received_at DESC, id DESC LIMIT ?3`;

/** Walks over what waits, which is bounded, in the index alone. What was overtaken is in it once the cron has written it down. */
export const listSettledSql = `
  SELECT id, event_id, reason, received_at, size_bytes FROM quarantine INDEXED BY quarantine_by_time
  WHERE settled_at IS NOT NULL AND (received_at, id) < (?1, ?2)
  ORDER BY received_at DESC, id DESC LIMIT ?3`;

/** What waits, or what is settled, newest first; `before` is the last one already shown. */
export async function listQuarantine(
  db: Database,
  before: { readonly receivedAt: number; readonly id: string } | undefined,
  limit: number,
  state: "waiting" | "settled" = "waiting",
): Promise<QuarantineListing[]> {
  const { receivedAt, id } = before ?? { receivedAt: Number.MAX_SAFE_INTEGER, id: "" };
  const statement = state === "waiting" ? db.prepare(listQuarantineSql) : db.prepare(listSettledSql);
  const { results } = await statement.bind(receivedAt, id, limit).all();
  return results.map((row) => listed.parse(row));
}

export const isWaitingByIdSql = `SELECT ${isWaitingSql} AS waits FROM quarantine WHERE id = ?1`;

/** Whether its release brings an event about; null when there is no such one. */
export async function isWaitingInQuarantine(db: Database, id: string): Promise<boolean | null> {
  const row = await db.prepare(isWaitingByIdSql).bind(id).first();
  return row === null ? null : z.object({ waits: z.number() }).parse(row).waits === 1;
}

/** Settled or not. In two halves: no text that D1 makes may exceed 2 MB. */
export const findQuarantinedSql = `
  SELECT id, event_id, reason, received_at, size_bytes, settled_at, source, content_type, content_encoding,
    hex(substr(body, 1, size_bytes / 2)) AS first_half, hex(substr(body, size_bytes / 2 + 1)) AS second_half
  FROM quarantine WHERE id = ?1`;

const shown = z.object({
  source: z.enum(["business", "onboarding"]),
  content_type: z.string().nullable(),
  content_encoding: z.string().nullable(),
  settled_at: z.number().nullable(),
  first_half: z.string(),
  second_half: z.string(),
});

export interface FoundInQuarantine extends Quarantined {
  readonly sizeBytes: number;
  /** Unix milliseconds; null while it waits. */
  readonly settledAt: number | null;
}

export async function findQuarantined(db: Database, id: string): Promise<FoundInQuarantine | null> {
  const row = await db.prepare(findQuarantinedSql).bind(id).first();
  if (row === null) return null;
  const { source, content_type, content_encoding, settled_at, first_half, second_half } = shown.parse(row);
  const body = Uint8Array.fromHex(first_half + second_half);
  const headers = { contentType: content_type, contentEncoding: content_encoding };
  return { ...listed.parse(row), source, ...headers, settledAt: settled_at, body };
}

export const dropSql = "DELETE FROM quarantine WHERE id = ?1";

/** Returns whether it was there. */
export async function dropQuarantined(db: Database, id: string): Promise<boolean> {
  const { meta } = await db.prepare(dropSql).bind(id).run();
  return meta.changes > 0;
}
