/**
 * Whether a destination wants an event, as `wants` in src/domain/destination.ts says it, in SQL on a row of `destinations`
 * and one of an event: for lists that are too long to be filtered by the Worker. A property test holds the two together.
 */
export const wantsSql = (event: string) => `(
  (json_array_length(destinations.types) = 0 OR EXISTS (
    SELECT 1 FROM json_each(destinations.types) AS wanted
    WHERE CASE WHEN substr(wanted.value, -1) = '*'
      THEN substr(${event}.type, 1, length(wanted.value) - 1) = substr(wanted.value, 1, length(wanted.value) - 1)
      ELSE ${event}.type = wanted.value END))
  AND (destinations.organizations IS NULL
    OR ${event}.organization_id IN (SELECT value FROM json_each(destinations.organizations))))`;
