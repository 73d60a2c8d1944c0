import { z } from "zod";
import { connectionStatus } from "./connections.ts";
import type { Database } from "./database.ts";
import { rowsOf } from "./rows.ts";

export const connectionHealthSql = `
  SELECT id, organization_id AS organizationId, status, connected_at AS connectedAt, reconciled_until AS reconciledUntil,
    CASE subscriptions WHEN '[]' THEN connected_at
      ELSE (SELECT min(value ->> 'missingSince') FROM json_each(subscriptions)) END AS missingSince,
    (SELECT max(value ->> 'checkedAt') FROM json_each(subscriptions)) AS checkedAt
  FROM connections ORDER BY id`;

const connectionHealth = z.object({
  id: z.string(),
  organizationId: z.string(),
  status: connectionStatus,
  connectedAt: z.number(),
  reconciledUntil: z.number().nullable(),
  /** Since when the first of its missing subscriptions is missing, or none was ever seen; null: none is missing. */
  missingSince: z.number().nullable(),
  /** When the last check of its subscriptions succeeded; null: none has yet. */
  checkedAt: z.number().nullable(),
});

/** What health and metrics look at of a connection. Times are Unix milliseconds. */
export type ConnectionHealth = z.output<typeof connectionHealth>;

/** A statement; its rows are for `readConnectionHealth`. */
export function connectionHealthOf(db: Database): D1PreparedStatement {
  return db.prepare(connectionHealthSql);
}

export function readConnectionHealth(result: D1Result | undefined): ConnectionHealth[] {
  return rowsOf(connectionHealth, result);
}
