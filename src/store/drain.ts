import { z } from "zod";
import { type Database, retried } from "./database.ts";
import type { Delivery, DeliveryStatus } from "../domain/delivery.ts";
import type { RelayEvent } from "../domain/event.ts";
import { deliveryFields, endingSql, readDeliveryRow } from "./deliveries.ts";
import { loadColumns, readLoadedRow } from "./events.ts";
import { wantsSql } from "./wants.ts";

/** What the retries asks of D1: the deliveries that are due, and whose turn it is. */

/** The next of a destination's deliveries that wait, the longest due first. */
const waitingSql = "FROM deliveries WHERE destination_id = ?1 AND status = 'pending'";

/**
 * An attempt of which nothing can be written down is not made without end: after some claims that came to nothing a
 * delivery is claimed once an hour, and is overdue meanwhile, which health tells.
 */
const MOST_CLAIMS = 10;
const isClaimableSql = `(claims < ${MOST_CLAIMS} OR next_attempt_at <= ?2 - 3600000)`;

export const claimDueSql = `
  UPDATE deliveries SET next_attempt_at = ?3, claims = claims + 1
  WHERE (destination_id, received_at, event_id) IN (
    SELECT destination_id, received_at, event_id ${waitingSql} AND next_attempt_at <= ?2 AND ${isClaimableSql}
    ORDER BY next_attempt_at, received_at, event_id LIMIT ?4)
  AND EXISTS (SELECT 1 FROM destinations WHERE id = ?1 AND coalesce(held_until, 0) <= ?2
    AND enabled = 1 AND next_drain_at IS ?5)
  RETURNING ${deliveryFields}`;

/**
 * Of what was claimed, at ?3: a destination that has been narrowed is not to get what it no longer wants, unless an operator
 * named it. A fan-out that had read it before may have written that down.
 */
export const endUnwantedClaimedSql = `
  UPDATE deliveries SET ${endingSql("filtered", "?3")}
  WHERE destination_id = ?1 AND status = 'pending' AND next_attempt_at = ?2 AND named = 0 AND EXISTS (
    SELECT 1 FROM events CROSS JOIN destinations
    WHERE events.id = deliveries.event_id AND destinations.id = ?1 AND ${wantsSql("events")} IS NOT TRUE)
  RETURNING event_id, status`;

/** Only if something was claimed: a turn is not used up by having nothing to do. */
export const beginDrainSql = `
  UPDATE destinations SET next_drain_at = ?2
  WHERE id = ?1 AND enabled = 1 AND next_drain_at IS ?3
    AND EXISTS (SELECT 1 ${waitingSql} AND next_attempt_at = ?2)`;

export const nextDueSql = `
  SELECT next_attempt_at AS next_due_at ${waitingSql} AND ${isClaimableSql} ORDER BY next_attempt_at LIMIT 1`;

export const loadClaimedSql = `
  SELECT ${loadColumns} FROM events WHERE id IN (
    SELECT deliveries.event_id FROM json_each(?1) AS lane CROSS JOIN deliveries
    WHERE deliveries.destination_id = lane.value AND deliveries.status = 'pending' AND deliveries.next_attempt_at = ?2)`;

/** What a drain wants to take from a destination. */
export interface DrainClaim {
  readonly destinationId: string;
  readonly limit: number;
  /** The `nextDrainAt` that the destination had when the drain was planned: another drain would have changed it. */
  readonly seenDrainAt: number | null;
  /** Whether the drain holds the destination's turn until its lease ends. */
  readonly isExclusive: boolean;
}

export interface DrainClaimed {
  readonly destinationId: string;
  readonly deliveries: readonly Delivery[];
  /** What became of deliveries that it does not want any more. */
  readonly unwanted: readonly DeliveryStatus[];
  /** When the next of its other deliveries is due, Unix milliseconds; null when none waits. */
  readonly nextDueAt: number | null;
}

const endedRow = z.object({ event_id: z.string(), status: z.enum(["delivered", "dead"]) });
const nextDueRow = z.object({ next_due_at: z.number() });

/**
 * Claims deliveries that are due at `now`, so that until `claimedUntil` nobody else attempts them, and loads their events:
 * one D1 call. An event is null when those before it have filled the memory that there is for them.
 */
export async function claimDue(
  db: Database,
  claims: readonly DrainClaim[],
  { now, claimedUntil }: { now: number; claimedUntil: number },
): Promise<{ claimed: DrainClaimed[]; events: ReadonlyMap<string, RelayEvent | null> }> {
  const ids = JSON.stringify(claims.map(({ destinationId }) => destinationId));
  const statements = claims.flatMap(({ destinationId, limit, seenDrainAt, isExclusive }) => [
    db.prepare(claimDueSql).bind(destinationId, now, claimedUntil, limit, seenDrainAt),
    db.prepare(endUnwantedClaimedSql).bind(destinationId, claimedUntil, now),
    db.prepare(nextDueSql).bind(destinationId, now),
    ...(isExclusive ? [db.prepare(beginDrainSql).bind(destinationId, claimedUntil, seenDrainAt)] : []),
  ]);
  const results = await db.batch([...statements, db.prepare(loadClaimedSql).bind(ids, claimedUntil)]);

  let next = 0;
  const claimed = claims.map(({ destinationId, isExclusive }): DrainClaimed => {
    const [claimed, unwanted, due] = results.slice(next, next + 3);
    next += isExclusive ? 4 : 3;
    const [row] = due?.results ?? [];
    const ended = new Map(
      z
        .array(endedRow)
        .parse(unwanted?.results ?? [])
        .map((one) => [one.event_id, one.status]),
    );
    const deliveries = (claimed?.results ?? []).map(readDeliveryRow);
    return {
      destinationId,
      deliveries: deliveries.filter(({ eventId }) => !ended.has(eventId)),
      unwanted: [...ended.values()],
      nextDueAt: row === undefined ? null : nextDueRow.parse(row).next_due_at,
    };
  });
  const loaded = (results.at(-1)?.results ?? []).map(readLoadedRow);
  return { claimed, events: new Map(loaded.map(({ id, event }) => [id, event])) };
}

/** Not if the breaker has set the next turn meanwhile. Who has caught up is no longer held, unless it has asked again. */
export const endDrainSql = `
  UPDATE destinations SET held_until = iif(held_until <= ?4 AND (?2 IS NULL OR max_per_second IS NOT NULL), NULL, held_until),
    next_drain_at = ?2 WHERE id = ?1 AND next_drain_at IS ?3`;

/** Ends, at `now`, turns that were held under the lease `claimedUntil`. */
export async function endDrains(
  db: Database,
  turns: readonly { readonly destinationId: string; readonly nextDrainAt: number | null }[],
  { now, claimedUntil }: { now: number; claimedUntil: number },
): Promise<void> {
  if (turns.length === 0) return;
  const statement = db.prepare(endDrainSql);
  await retried(db, () =>
    db.batch(
      turns.map(({ destinationId, nextDrainAt }) => statement.bind(destinationId, nextDrainAt, claimedUntil, now)),
    ),
  );
}

/** On a row of `destinations`: when the longest due of its pending deliveries is due; null when it has none. */
export const oldestDueOfSql = `(
  SELECT min(next_attempt_at) FROM deliveries WHERE destination_id = destinations.id AND status = 'pending')`;

/** The lane may drain it, and its longest due delivery was due before ?1. */
export const overdueSql = `
  SELECT id, ${oldestDueOfSql} AS due_at FROM destinations
  WHERE enabled = 1 AND coalesce(held_until, 0) <= ?2
    AND (next_drain_at IS NULL OR next_drain_at <= ?2) AND due_at < ?1`;

/** Destinations with deliveries that should have been attempted before `dueBefore`. */
export async function overdueDestinations(db: Database, dueBefore: number, now: number): Promise<string[]> {
  const { results } = await db.prepare(overdueSql).bind(dueBefore, now).all<{ id: string }>();
  return results.map(({ id }) => id);
}

export const endHeldSql = `
  UPDATE deliveries SET status = 'dead', next_attempt_at = NULL
  WHERE (destination_id, received_at, event_id) IN (
    SELECT destination_id, received_at, event_id ${waitingSql} AND next_attempt_at < ?2 AND received_at < ?2 LIMIT ?3)`;

/** Ends up to `limit` deliveries of events received before `heldSince` as dead; returns how many there were. */
export async function endHeldDeliveries(
  db: Database,
  destinationId: string,
  heldSince: number,
  limit: number,
): Promise<number> {
  const { meta } = await retried(db, () => db.prepare(endHeldSql).bind(destinationId, heldSince, limit).run());
  return meta.changes;
}
