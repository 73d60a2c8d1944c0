import { z } from "zod";
import type { Source } from "../domain/event.ts";
import { retried } from "./retried.ts";

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
  readonly body: Uint8Array;
}

/** The id under which an event is kept once: that of its own id or, without one, of its body. */
export async function quarantineId(eventId: string | null, body: Uint8Array): Promise<string> {
  const named = eventId === null ? body : new TextEncoder().encode(`event:${eventId}`);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", named)).toHex();
}

export const keepSql = `
  INSERT INTO quarantine (id, event_id, reason, source, received_at, size_bytes, content_type, body)
  SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
  WHERE ?2 IS NULL OR NOT EXISTS (SELECT 1 FROM events WHERE id = ?2)
  ON CONFLICT (id) DO NOTHING
  RETURNING id`;

/** Keeps an event once, and not at all when its like is recorded already. Returns whether it was kept now. */
export async function keepInQuarantine(db: D1Database, quarantined: Quarantined): Promise<boolean> {
  const statement = db
    .prepare(keepSql)
    .bind(
      quarantined.id,
      quarantined.eventId,
      quarantined.reason,
      quarantined.source,
      quarantined.receivedAt,
      quarantined.body.length,
      quarantined.contentType,
      quarantined.body,
    );
  const { results } = await retried(() => statement.all());
  return results.length > 0;
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

export type QuarantineListing = z.output<typeof listed>;

export const listQuarantineSql = `
  SELECT id, event_id, reason, received_at, size_bytes FROM quarantine
  WHERE (received_at, id) < (?1, ?2)
  ORDER BY received_at DESC, id DESC LIMIT ?3`;

/** Newest first; `before` is the last one already shown. */
export async function listQuarantine(
  db: D1Database,
  before: { readonly receivedAt: number; readonly id: string } | undefined,
  limit: number,
): Promise<QuarantineListing[]> {
  const { receivedAt, id } = before ?? { receivedAt: Number.MAX_SAFE_INTEGER, id: "" };
  const { results } = await db.prepare(listQuarantineSql).bind(receivedAt, id, limit).all();
  return results.map((row) => listed.parse(row));
}

export const findQuarantinedSql = `
  SELECT id, event_id, reason, received_at, size_bytes, source, content_type, hex(body) AS body_hex
  FROM quarantine WHERE id = ?1`;

const shown = z.object({
  source: z.enum(["business", "onboarding"]),
  content_type: z.string().nullable(),
  body_hex: z.string(),
});

export async function findQuarantined(db: D1Database, id: string): Promise<(QuarantineListing & Quarantined) | null> {
  const row = await db.prepare(findQuarantinedSql).bind(id).first();
  if (row === null) return null;
  const { source, content_type, body_hex } = shown.parse(row);
  return { ...listed.parse(row), source, contentType: content_type, body: Uint8Array.fromHex(body_hex) };
}
