import type { D1Database } from "@cloudflare/workers-types";
import { isUndispatchedSql } from "./event-progress.ts";

/**
 * For a start without queue messages, as on a developer's machine: what waits for a message or for the end of a lease is made
 * due, and the next cron run queues it again. No consumer may run meanwhile: two would have the same lease.
 */

/** From where the recovery scan begins: before, every event is dispatched. */
export const expireEventsSql = `
  UPDATE events SET queued_at = 0, lease_until = 0
  WHERE seq > coalesce((SELECT value FROM cron_state WHERE name = 'undispatched_from'), 0) AND ${isUndispatchedSql}`;

/** It waits for the end of a lease, or of its first attempt; any other waits for its retry schedule. */
const isLeasedSql = "status = 'pending' AND (claims > 0 OR attempts = '[]')";

/** An exclusive drain ends with its lease; any other `next_drain_at` is an open circuit or `max_per_second`. */
export const expireDrainsSql = `
  UPDATE destinations SET next_drain_at = 0
  WHERE EXISTS (
    SELECT 1 FROM deliveries
    WHERE destination_id = destinations.id AND next_attempt_at = destinations.next_drain_at AND ${isLeasedSql})`;

export const expireDeliveryLeasesSql = `
  UPDATE deliveries SET next_attempt_at = 0
  WHERE destination_id IN (SELECT id FROM destinations) AND ${isLeasedSql}`;

export const expireConnectionLeasesSql = "UPDATE connections SET lease_until = 0";

/** Expires every lease. */
export async function expireLeases(db: D1Database): Promise<void> {
  await db.batch([
    db.prepare(expireEventsSql),
    // Before their deliveries, which tell them.
    db.prepare(expireDrainsSql),
    db.prepare(expireDeliveryLeasesSql),
    db.prepare(expireConnectionLeasesSql),
  ]);
}
