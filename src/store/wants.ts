/**
 * Whether a destination wants an event, in SQL on a row of `destinations` and a row of an event. `wants` in
 * src/domain/destination.ts says the same, and test/worker/store/wants.test.ts compares the two. It may be null: not true.
 */
export const wantsSql = (event: string) => `(
  (json_array_length(destinations.types) = 0 OR EXISTS (
    SELECT 1 FROM json_each(destinations.types) AS wanted
    WHERE CASE WHEN substr(wanted.value, -1) = '*'
      THEN substr(${event}.type, 1, length(wanted.value) - 1) = substr(wanted.value, 1, length(wanted.value) - 1)
      ELSE ${event}.type = wanted.value END))
  AND (destinations.organizations IS NULL
    OR ${event}.organization_id IN (SELECT value FROM json_each(destinations.organizations))))`;
