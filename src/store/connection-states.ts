import { z } from "zod";
import type { Database } from "./database.ts";
import { rowsOf } from "./rows.ts";

export const connectionStatesSql = `
  SELECT id, organization_id AS organizationId, status, connected_at AS connectedAt, reconciled_until AS reconciledUntil,
    (SELECT min(value ->> 'missingSince') FROM json_each(subscriptions)) AS missingSince
  FROM connections ORDER BY id`;

const connectionState = z.object({
  id: z.string(),
  organizationId: z.string(),
  status: z.enum(["connected", "expired", "revoked"]),
  connectedAt: z.number(),
  reconciledUntil: z.number().nullable(),
  /** Since when the first of its missing subscriptions is missing; null: none is. */
  missingSince: z.number().nullable(),
});

/** What health and metrics look at of a connection. Times are Unix milliseconds. */
export type ConnectionState = z.output<typeof connectionState>;

/** A statement; its rows are for `readConnectionStates`. */
export function connectionStates(db: Database): D1PreparedStatement {
  return db.prepare(connectionStatesSql);
}

export function readConnectionStates(result: D1Result | undefined): ConnectionState[] {
  return rowsOf(connectionState, result);
}
