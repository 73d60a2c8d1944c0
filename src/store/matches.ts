import { OPERATIONAL_TYPE_PREFIX } from "../domain/operational-event.ts";

const isOperationalTypeSql = (typeOrPattern: string) => `(${typeOrPattern} GLOB '${OPERATIONAL_TYPE_PREFIX}*')`;

/** Whether a type matches a pattern: the type itself, or a prefix that ends in `*`. */
export const matchesPatternSql = (type: string, pattern: string) => `(
  CASE WHEN substr(${pattern}, -1) = '*'
    THEN substr(${type}, 1, length(${pattern}) - 1) = substr(${pattern}, 1, length(${pattern}) - 1)
    ELSE ${type} = ${pattern} END)`;

/**
 * Whether an event matches a destination, in SQL on a row of `destinations` and a row of an event. `matches` in
 * src/domain/destination.ts says the same, and test/worker/store/matches.test.ts compares the two. It may be null: not true.
 */
export const matchesSql = (event: string) => `(
  ${event}.resource_id IS NOT destinations.id
  AND ((json_array_length(destinations.types) = 0 AND NOT ${isOperationalTypeSql(`${event}.type`)}) OR EXISTS (
    SELECT 1 FROM json_each(destinations.types) AS pattern
    WHERE ${matchesPatternSql(`${event}.type`, "pattern.value")}
      AND (${isOperationalTypeSql("pattern.value")} OR NOT ${isOperationalTypeSql(`${event}.type`)})))
  AND (destinations.organizations IS NULL
    OR ${event}.organization_id IN (SELECT value FROM json_each(destinations.organizations))
    OR (${event}.organization_id IS NULL AND ${isOperationalTypeSql(`${event}.type`)})))`;
