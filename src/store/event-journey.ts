import { z } from "zod";
import type { Database } from "./database.ts";
import { onFirstWaySql } from "./event-progress.ts";

/** What the relay has noted of an event on its way. Times are Unix milliseconds. */
export interface EventJourney {
  /** When its queue message was last promised. */
  readonly queuedAt: number;
  /** How long the consumer that has it may take; null before the first has taken it. */
  readonly claimedUntil: number | null;
  /** Times that a consumer took it. */
  readonly claims: number;
  /** Whether some consumer has taken it up, or it is known that nobody wants it. */
  readonly isFannedOut: boolean;
  /** Times that it came again; `conflicts`: with another body. */
  readonly duplicates: number;
  readonly conflicts: number;
  readonly sizeBytes: number;
  /** The event that the latest state of its resource came with; null when nothing is kept of that. */
  readonly latestEventId: string | null;
}

export const journeySql = `
  SELECT queued_at, claimed_until, claims, NOT ${onFirstWaySql} AS is_fanned_out, duplicates, conflicts,
    octet_length(body) AS size_bytes, (SELECT id FROM events AS latest WHERE latest.seq = resources.event_seq) AS latest_event_id
  FROM events LEFT JOIN resources ON resources.organization_id = events.organization_id
    AND resources.type = events.type AND resources.resource_id = coalesce(events.resource_id, '')
  WHERE events.id = ?1`;

/** A statement; its row is for `readJourney`. */
export function findJourney(db: Database, eventId: string): D1PreparedStatement {
  return db.prepare(journeySql).bind(eventId);
}

const journeyRow = z
  .object({
    queued_at: z.number(),
    claimed_until: z.number().nullable(),
    claims: z.number(),
    is_fanned_out: z.number(),
    duplicates: z.number(),
    conflicts: z.number(),
    size_bytes: z.number(),
    latest_event_id: z.string().nullable(),
  })
  .transform((row): EventJourney => ({
    queuedAt: row.queued_at,
    claimedUntil: row.claimed_until,
    claims: row.claims,
    isFannedOut: row.is_fanned_out === 1,
    duplicates: row.duplicates,
    conflicts: row.conflicts,
    sizeBytes: row.size_bytes,
    latestEventId: row.latest_event_id,
  }));

export function readJourney(row: unknown): EventJourney {
  return journeyRow.parse(row);
}
