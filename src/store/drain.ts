import { z } from "zod";
import { batchOf, writeAll } from "./batch.ts";
import { type Database, write } from "./database.ts";
import type { Delivery } from "../domain/delivery.ts";
import type { Destination } from "../domain/destination.ts";
import { type DrainPlan, isExclusive } from "../domain/drain-plan.ts";
import type { RelayEvent } from "../domain/event.ts";
import { passesFilter } from "../domain/recipients.ts";
import { lazyJson } from "../platform/json.ts";
import {
  type EndedStatus,
  deliveryFields,
  endedRow,
  endedStatusSql,
  endingSql,
  readDeliveryRow,
} from "./deliveries.ts";
import { loadColumns, readLoadedRow } from "./events.ts";
import { isOperationalSql } from "./operational-events.ts";
import type { PendingPosition } from "./delivery-list.ts";
import { matchesSql } from "./matches.ts";
import { flag, reader } from "./rows.ts";

/** What a drain asks of D1: the deliveries of a destination that are due, and whether it may attempt them. */

const pendingSql = "FROM deliveries WHERE destination_id = ?1 AND status = 'pending'";

/**
 * After some claims without a recorded outcome a delivery is claimed once an hour, so that its attempt is not made without
 * end. Meanwhile it is overdue, which health tells.
 */
const MOST_CLAIMS = 10;
const isClaimableSql = `(claims < ${MOST_CLAIMS} OR next_attempt_at <= ?2 - 3600000)`;

/**
 * A claim sets `next_attempt_at` to the end of its lease, so the delivery is due again if the consumer dies. The statements
 * below find what was claimed by it.
 */
export const claimDueSql = `
  UPDATE deliveries SET next_attempt_at = ?3, claims = claims + 1
  WHERE (destination_id, received_at, event_id) IN (
    SELECT destination_id, received_at, event_id ${pendingSql} AND next_attempt_at <= ?2 AND ${isClaimableSql}
    ORDER BY next_attempt_at, received_at, event_id LIMIT ?4)
  AND EXISTS (SELECT 1 FROM destinations WHERE id = ?1 AND coalesce(held_until, 0) <= ?2
    AND enabled = 1 AND next_drain_at IS ?5)
  RETURNING ${deliveryFields}, named`;

/**
 * Of what was claimed, at ?3: a destination whose filters were narrowed does not get what no longer matches, unless an
 * operator named the destination.
 */
export const endFilteredClaimedSql = `
  UPDATE deliveries SET ${endingSql("filtered", "?3")}
  WHERE destination_id = ?1 AND status = 'pending' AND next_attempt_at = ?2 AND named = 0 AND EXISTS (
    SELECT 1 FROM events CROSS JOIN destinations
    WHERE events.id = deliveries.event_id AND destinations.id = ?1 AND ${matchesSql("events")} IS NOT TRUE)
  RETURNING event_id, status`;

/** Only if something was claimed: an exclusive drain that found nothing delays no other. */
export const beginExclusiveDrainSql = `
  UPDATE destinations SET next_drain_at = ?2
  WHERE id = ?1 AND enabled = 1 AND next_drain_at IS ?3
    AND EXISTS (SELECT 1 ${pendingSql} AND next_attempt_at = ?2)`;

export const nextDueSql = `
  SELECT next_attempt_at AS due_at ${pendingSql} AND ${isClaimableSql} ORDER BY next_attempt_at LIMIT 1`;

export const loadClaimedSql = `
  SELECT ${loadColumns} FROM events WHERE id IN (SELECT event_id ${pendingSql} AND next_attempt_at = ?2)`;

export interface DrainClaimed {
  /** To attempt. */
  readonly deliveries: readonly Delivery[];
  /** Those whose content the destination's filter rejects: `endRejected` ends them. */
  readonly rejected: readonly PendingPosition[];
  /** Their events, by id; null when there is no memory left for one. */
  readonly events: ReadonlyMap<string, RelayEvent | null>;
  /** The newest known version of the resource of each of these events, by the event's id. */
  readonly latestVersions: ReadonlyMap<string, string | null>;
  /** The statuses of deliveries that ended because they no longer match the destination's filters. */
  readonly filtered: readonly EndedStatus[];
  /** When the next of its other deliveries is due, Unix milliseconds; null: none is pending. */
  readonly nextDueAt: number | null;
}

const filteredRow = endedRow.extend({ event_id: z.string() });
const dueRow = z.object({ due_at: z.number() });
const readNamed = reader({ named: flag });

/**
 * Claims deliveries that are due at `now`, so that nobody else attempts them until `leaseUntil`, and loads their events:
 * one D1 call. Nothing is claimed if another drain has changed the destination's `nextDrainAt` since the plan was made.
 */
export async function claimDue(
  db: Database,
  { id, nextDrainAt, filter }: Pick<Destination, "id" | "nextDrainAt" | "filter">,
  plan: DrainPlan,
  { now, leaseUntil }: { now: number; leaseUntil: number },
): Promise<DrainClaimed> {
  const begin = db.prepare(beginExclusiveDrainSql).bind(id, leaseUntil, nextDrainAt);
  const found = await batchOf(db, {
    claimed: db.prepare(claimDueSql).bind(id, now, leaseUntil, plan.limit, nextDrainAt),
    filtered: db.prepare(endFilteredClaimedSql).bind(id, leaseUntil, now),
    nextDue: db.prepare(nextDueSql).bind(id, now),
    begun: isExclusive(plan) ? begin : [],
    events: db.prepare(loadClaimedSql).bind(id, leaseUntil),
  });
  const loaded = found.events.rows.map(readLoadedRow);
  const events = new Map(loaded.map((row) => [row.id, row.event]));
  const claimed = found.claimed.rows.map((row) => ({ delivery: readDeliveryRow(row), isNamed: readNamed(row).named }));
  const rejected = claimed.flatMap(({ delivery, isNamed }) => {
    const event = events.get(delivery.eventId);
    if (isNamed || !event || passesFilter({ filter }, event, lazyJson(event.body))) return [];
    return [{ ...delivery, nextAttemptAt: leaseUntil }];
  });
  const filtered = found.filtered.rows.map((row) => filteredRow.parse(row));
  const ended = new Set([...filtered.map((row) => row.event_id), ...rejected.map(({ eventId }) => eventId)]);
  return {
    deliveries: claimed.map(({ delivery }) => delivery).filter(({ eventId }) => !ended.has(eventId)),
    rejected,
    events,
    latestVersions: new Map(loaded.map(({ id: event, latestVersion }) => [event, latestVersion])),
    filtered: filtered.map(({ status }) => status),
    nextDueAt: found.nextDue.rows.map((row) => dueRow.parse(row).due_at)[0] ?? null,
  };
}

/**
 * Not if the breaker has set the next drain meanwhile. A hold that is over ends when all that waited has gone out, unless it was
 * renewed; with a `max_per_second` at once, because that bounds the rate anyway.
 */
export const releaseDrainSql = `
  UPDATE destinations SET held_until = iif(held_until <= ?4 AND (?2 IS NULL OR max_per_second IS NOT NULL), NULL, held_until),
    next_drain_at = ?2 WHERE id = ?1 AND next_drain_at IS ?3`;

/** Releases, at `now`, a destination that an exclusive drain has claimed until `leaseUntil`. */
export async function releaseDrain(
  db: Database,
  { destinationId, nextDrainAt }: { readonly destinationId: string; readonly nextDrainAt: number | null },
  { now, leaseUntil }: { now: number; leaseUntil: number },
): Promise<void> {
  await write(db, db.prepare(releaseDrainSql).bind(destinationId, nextDrainAt, leaseUntil, now));
}

/** On a row of `destinations`: the earliest time at which one of its pending deliveries is due; null without any. */
export const oldestDueOfSql = `(
  SELECT min(next_attempt_at) FROM deliveries WHERE destination_id = destinations.id AND status = 'pending')`;

/** It may be drained at ?2, and a delivery was due before ?1. */
export const overdueSql = `
  SELECT id, ${oldestDueOfSql} AS due_at FROM destinations
  WHERE enabled = 1 AND coalesce(held_until, 0) <= ?2
    AND (next_drain_at IS NULL OR next_drain_at <= ?2) AND due_at < ?1`;

/** Destinations with deliveries that should have been attempted before `dueBefore`. */
export async function overdueDestinations(db: Database, dueBefore: number, now: number): Promise<string[]> {
  const { results } = await db.prepare(overdueSql).bind(dueBefore, now).all<{ id: string }>();
  return results.map(({ id }) => id);
}

/** Pending deliveries to ?1 of events received before ?2, that have been due since before ?2. */
export const endExpiredSql = `
  UPDATE deliveries SET status = ${endedStatusSql}, next_attempt_at = NULL
  WHERE (destination_id, received_at, event_id) IN (
    SELECT destination_id, received_at, event_id ${pendingSql} AND next_attempt_at < ?2 AND received_at < ?2 LIMIT ?3)
  RETURNING status`;

/** Whether any of them ends as dead. */
export const noteExpiredSql = `
  UPDATE destinations SET last_dead_at = max(coalesce(last_dead_at, 0), ?3)
  WHERE id = ?1 AND EXISTS (SELECT 1 ${pendingSql} AND next_attempt_at < ?2 AND received_at < ?2
    AND ${endedStatusSql} = 'dead' AND NOT ${isOperationalSql("event_id")})`;

/**
 * Ends, at `now`, up to `limit` deliveries that have been due since before `dueSince`. A probe or a replay of a delivery makes it due at
 * another time, which counts from then on. Returns the status of each.
 */
export async function endExpiredDeliveries(
  db: Database,
  destinationId: string,
  { dueSince, now, limit }: { readonly dueSince: number; readonly now: number; readonly limit: number },
): Promise<EndedStatus[]> {
  const { ended } = await writeAll(db, {
    // Before they end.
    noted: db.prepare(noteExpiredSql).bind(destinationId, dueSince, now),
    ended: db.prepare(endExpiredSql).bind(destinationId, dueSince, limit),
  });
  return ended.rows.map((row) => endedRow.parse(row).status);
}
