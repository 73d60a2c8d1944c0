/**
 * How far an event has come is not stored but read off what it owes and what became of it, so the two cannot disagree.
 * The texts are SQL on a row of `events`. An event is finished when all its first attempts are written down, and settled
 * when none of its deliveries is pending any more.
 */

/** The delivery of a row of `events` to one of the destinations that it owes. */
export const deliveryOfOwedSql = `
  deliveries.destination_id = owed_to.value
  AND deliveries.received_at = events.received_at
  AND deliveries.event_id = events.id`;

/** Some destination that it owes has no delivery yet, or nobody has yet asked which it owes. */
export const unfinishedSql = `(
  events.owed IS NULL OR EXISTS (
    SELECT 1 FROM json_each(events.owed) AS owed_to
    WHERE NOT EXISTS (SELECT 1 FROM deliveries WHERE ${deliveryOfOwedSql})
  ))`;

/** On a row of `json_each` that names a delivery: its event goes to this destination, and no attempt is recorded yet. */
export const awaitsFirstAttemptSql = (given: string) => `EXISTS (
      SELECT 1 FROM events CROSS JOIN json_each(events.owed) AS owed_to
      WHERE events.id = ${given}.value ->> 'event_id' AND owed_to.value = ${given}.value ->> 'destination_id'
        AND NOT EXISTS (SELECT 1 FROM deliveries WHERE ${deliveryOfOwedSql}))`;

/** Its fan-out has yet to begin, or is under way under the lease with which it was recorded. */
export const onFirstWaySql = `(events.claims = 0 AND ${unfinishedSql})`;

/**
 * Nothing that it owes is open, and if some of it is dead, it was received before `deadBeforeSql` says.
 */
export const deletableSql = (deadBeforeSql: string) => `(
  events.owed IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM json_each(events.owed) AS owed_to
    LEFT JOIN deliveries ON ${deliveryOfOwedSql}
    WHERE coalesce(deliveries.status, 'pending') = 'pending'
      OR (deliveries.status = 'dead' AND events.received_at >= ${deadBeforeSql})
  ))`;

/** `unmatched`, `pending` or `settled`. */
export const eventStateSql = `CASE
  WHEN events.owed = '[]' THEN 'unmatched'
  WHEN events.owed IS NULL OR EXISTS (
    SELECT 1 FROM json_each(events.owed) AS owed_to
    LEFT JOIN deliveries ON ${deliveryOfOwedSql}
    WHERE coalesce(deliveries.status, 'pending') = 'pending'
  ) THEN 'pending'
  ELSE 'settled' END`;

/** `unmatched`, `pending`, `dead` when some delivery is, or `delivered`. */
export const eventOutcomeSql = `CASE ${eventStateSql}
  WHEN 'settled' THEN iif(EXISTS (
    SELECT 1 FROM json_each(events.owed) AS owed_to JOIN deliveries ON ${deliveryOfOwedSql}
    WHERE deliveries.status = 'dead'), 'dead', 'delivered')
  WHEN 'unmatched' THEN 'unmatched' ELSE 'pending' END`;
