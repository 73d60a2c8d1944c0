import { z } from "zod";
import { connectionStatus } from "./connections.ts";
import type { Database } from "./database.ts";
import { rowsOf } from "./rows.ts";

export const connectionHealthSql = `
  SELECT organization_id AS organizationId, status, connected_at AS connectedAt, reconciled_until AS reconciledUntil,
    (SELECT min(value ->> 'missingSince') FROM json_each(subscriptions)) AS missingSince
  FROM connections ORDER BY id`;

const connectionHealth = z.object({
  organizationId: z.string(),
  status: connectionStatus,
  connectedAt: z.number(),
  reconciledUntil: z.number().nullable(),
  /** Since when the first of its missing subscriptions is missing; null: none is. */
  missingSince: z.number().nullable(),
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
