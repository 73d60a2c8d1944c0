import { z } from "zod";
import type { RelayEvent } from "../domain/event.ts";
import type { Database } from "./database.ts";
import { reader } from "./rows.ts";

/**
 * On a row with the columns of an event: the newest known version of the resource or registration that it is about, or null. It
 * reads one row.
 */
export const latestVersionSql = (event: string) => `CASE ${event}.source
    WHEN 'business' THEN (
      SELECT version FROM resources
      WHERE organization_id = ${event}.organization_id AND type = ${event}.type
        AND resource_id = coalesce(${event}.resource_id, ''))
    ELSE (SELECT max(version) FROM registration_stages WHERE registration_id = ${event}.resource_id) END`;

export const latestVersionsSql = `
  SELECT id, ${latestVersionSql("given")} AS latestVersion
  FROM (
    SELECT value ->> 'id' AS id, value ->> 'source' AS source, value ->> 'type' AS type,
      value ->> 'organizationId' AS organization_id, value ->> 'resourceId' AS resource_id
    FROM json_each(?1)) AS given`;

/** A statement for events that D1 may lack; its rows are for `readLatestVersion`. */
export function latestVersions(db: Database, events: readonly RelayEvent[]): D1PreparedStatement {
  const keys = events.map(({ id, source, type, organizationId, resourceId }) => ({
    id,
    source,
    type,
    organizationId,
    resourceId,
  }));
  return db.prepare(latestVersionsSql).bind(JSON.stringify(keys));
}

export const readLatestVersion = reader({ id: z.string(), latestVersion: z.string().nullable() });
