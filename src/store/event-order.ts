/**
 * Events are kept in the order in which they are recorded, which `seq` counts, and their time of receipt never decreases along
 * it. So a reader who has come to a position, or to a time, has missed nothing before it, however late D1 was with an
 * event; and a time needs no index of its own.
 */

/**
 * The time of receipt with which an event is recorded that was received at `requested`: never before that of the newest, and
 * never ahead of D1's own clock, so that one receiver's clock cannot set the time for those that follow.
 */
export const receivedAtSql = (requested: string) => `max(min(${requested}, unixepoch('subsec') * 1000), coalesce(
    (SELECT received_at FROM events WHERE seq = (SELECT max(seq) FROM events)), 0))`;

/** On a row of `events`: it is one of the newest, of which there are `size` at most. */
export const isAmongNewestSql = (size: number) => `events.seq > (SELECT max(seq) FROM events) - ${size}`;

/** Position of the first event received at `instant` or later; behind the newest when there is none, null without events. */
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
