import { z } from "zod";

/**
 * Events are kept in the order in which they are recorded, which `seq` counts. Their time of receipt never decreases along it.
 * So a reader who has reached a position, or a time, has missed nothing before it, however late D1 was with an event. And a
 * time needs no index of its own.
 */

/**
 * The time of receipt with which an event is recorded that was received at `requested`: never before that of the newest, and
 * never ahead of D1's own clock, so that one receiver's clock cannot set the time for those that follow.
 */
export const receivedAtSql = (requested: string) => `max(min(${requested}, unixepoch('subsec') * 1000), coalesce(
    (SELECT received_at FROM events WHERE seq = (SELECT max(seq) FROM events)), 0))`;

/** On a row of `events`: it is one of the newest, of which there are `size` at most. */
export const isAmongNewestSql = (size: number) => `events.seq > (SELECT max(seq) FROM events) - ${size}`;

/** Position of the first event received at `instant` or later; after the newest when there is none, null without events. */
export const firstSeqAtSql = (instant: string) => `(
  WITH RECURSIVE halving (low, high) AS (
    SELECT min(seq), max(seq) + 1 FROM (SELECT min(seq) AS seq FROM events UNION ALL SELECT max(seq) FROM events)
    UNION ALL
    SELECT iif(middle.received_at < ${instant}, middle.seq + 1, low), iif(middle.received_at < ${instant}, high, (low + high) / 2)
    FROM halving CROSS JOIN events AS middle
      ON middle.seq = (SELECT seq FROM events WHERE seq >= (low + high) / 2 ORDER BY seq LIMIT 1)
    WHERE low < high
  )
  SELECT max(low) FROM halving)`;

/** Where a page of events ended: at its last event, or the last one looked at. */
export interface EventPosition {
  readonly seq: number;
  /** Unix milliseconds. */
  readonly receivedAt: number;
}

/**
 * Events that one page looks at. A row written costs a thousand times a row read, so a filter walks the newest events
 * instead of having an index of its own. This bounds the walk.
 */
export const MAX_LOOKED_AT = 10_000;

const endSql = `min(${firstSeqAtSql("?2")}, ?3)`;

/** On a row of `events`: received from ?1, before ?2 and recorded before the position ?3; no more than the newest `size`. */
export const windowSql = (size: number) => `
  events.seq < ${endSql} AND events.seq >= max(${firstSeqAtSql("?1")}, ${endSql} - ${size})`;

/** The position at which such a window ends, if there are older events. After a deletion the window may have no rows. */
export const edgeOfWindowSql = (size: number) => {
  const older = `FROM events WHERE seq < ${endSql} - ${size} AND seq >= ${firstSeqAtSql("?1")}`;
  return `
  SELECT * FROM (
    SELECT seq, received_at AS receivedAt FROM events WHERE seq >= ${endSql} - ${size} AND seq < ${endSql} ORDER BY seq LIMIT 1)
  WHERE EXISTS (SELECT 1 ${older})
  UNION ALL SELECT max(seq) + 1, received_at ${older} LIMIT 1`;
};

export const edgeOfListSql = edgeOfWindowSql(MAX_LOOKED_AT);

/** The parameters of a window. Times are Unix milliseconds: `since` inclusive, `until` exclusive. */
export function windowOf({
  since = 0,
  until = Number.MAX_SAFE_INTEGER,
  before,
}: {
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  readonly before?: EventPosition | undefined;
}): [number, number, number] {
  return [since, until, before?.seq ?? Number.MAX_SAFE_INTEGER];
}

const positionRow = z.object({ seq: z.number().nullable(), receivedAt: z.number().nullable() });

/** The position in a row; null without one. */
export function readPosition(row: unknown): EventPosition | null {
  const { seq = null, receivedAt = null } = positionRow.nullish().parse(row) ?? {};
  return seq === null || receivedAt === null ? null : { seq, receivedAt };
}
