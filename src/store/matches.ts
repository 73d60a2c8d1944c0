/**
 * Whether an event matches a destination, in SQL on a row of `destinations` and a row of an event. `matches` in
 * src/domain/destination.ts says the same, and test/worker/store/matches.test.ts compares the two. It may be null: not true.
 */
export const matchesSql = (event: string) => `(
  (json_array_length(destinations.types) = 0 OR EXISTS (
    SELECT 1 FROM json_each(destinations.types) AS pattern
    WHERE CASE WHEN substr(pattern.value, -1) = '*'
      THEN substr(${event}.type, 1, length(pattern.value) - 1) = substr(pattern.value, 1, length(pattern.value) - 1)
      ELSE ${event}.type = pattern.value END))
  AND (destinations.organizations IS NULL
    OR ${event}.organization_id IN (SELECT value FROM json_each(destinations.organizations))))`;
