import { z } from "zod";
import { writeAll } from "./batch.ts";
import { type Database, write } from "./database.ts";
import type { CircuitChange } from "../domain/breaker.ts";
import { DRAIN_LEASE_MS } from "../domain/lease.ts";
import { MIN_LIFETIME_SECONDS } from "../domain/retry-schedule.ts";
import type { BreakerRow } from "./destination-health.ts";
import { rowsOf } from "./rows.ts";

/** Not if another consumer has changed the circuit meanwhile. */
export const changeCircuitSql = `
  UPDATE destinations SET circuit_opened_at = ?2, failed_probes = ?3, next_drain_at = ?4
  WHERE id = ?1 AND circuit_opened_at IS ?5 AND failed_probes = ?6`;

/**
 * When a circuit closes, deliveries need not wait for their retry schedule any longer, but still for a `Retry-After`. The step
 * that is cut short is given back: otherwise a circuit that opens and closes would use up a schedule of days in minutes. An old
 * event gets no step back, so that its delivery ends at last even if the circuit opens again and again.
 */
export const bringForwardSql = `
  UPDATE deliveries SET next_attempt_at = max(received_at, ?4), step = iif(received_at > ?5, max(step - 1, 0), step)
  WHERE (destination_id, received_at, event_id) IN (
    SELECT destination_id, received_at, event_id FROM deliveries
    WHERE destination_id = ?1 AND status = 'pending' AND next_attempt_at > ?2 AND claims = 0
      AND attempts ->> '$[#-1].retry_after_seconds' IS NULL
    ORDER BY next_attempt_at LIMIT ?3)`;

/** About as many as fail in the minute before a circuit opens; more stay on their schedule. */
const MOST_BROUGHT_FORWARD = 1_000;

/**
 * Opens a circuit, closes it or keeps it open; when it closes, pending deliveries become due. Returns false when another
 * consumer has changed it meanwhile.
 */
export async function changeCircuit(
  db: Database,
  { destinationId, ...before }: BreakerRow,
  { circuitOpenedAt, failedProbes, nextDrainAt }: CircuitChange,
  now: number,
): Promise<boolean> {
  const statement = db
    .prepare(changeCircuitSql)
    .bind(destinationId, circuitOpenedAt, failedProbes, nextDrainAt, before.circuitOpenedAt, before.failedProbes);
  // Due since the circuit opened: so they go out before all that has come in since, oldest first.
  const dueAt = before.circuitOpenedAt ?? now;
  const { circuit } = await writeAll(db, {
    circuit: statement,
    deliveries: circuitOpenedAt === null ? bringForward(db, destinationId, { now, dueAt }) : [],
  });
  return circuit.changes > 0;
}

/**
 * Not before `max_per_second` allows it, and with one not while a probe is claimed: then `next_drain_at`, the end of the
 * probe's lease, stays.
 */
export const probeNowSql = `
  UPDATE destinations SET next_drain_at = iif(max_per_second IS NULL, ?2,
    max(?2, coalesce(last_failure_at, 0) + CAST(1000 * max(1, 1.0 / max_per_second) AS INTEGER) + 1))
  WHERE circuit_opened_at IS NOT NULL AND id IN (SELECT value FROM json_each(?1))
    AND (max_per_second IS NULL OR NOT EXISTS (
      SELECT 1 FROM deliveries
      WHERE destination_id = destinations.id AND status = 'pending' AND next_attempt_at = destinations.next_drain_at))
  RETURNING id, next_drain_at AS nextDrainAt`;

const probeRow = z.object({ id: z.string(), nextDrainAt: z.number() });

/** Lets destinations with an open circuit be probed now. Returns when each may be, by its id. */
export async function probeNow(
  db: Database,
  destinationIds: readonly string[],
  now: number,
): Promise<ReadonlyMap<string, number>> {
  const statement = db.prepare(probeNowSql).bind(JSON.stringify(destinationIds), now);
  const result = await write(db, statement);
  return new Map(rowsOf(probeRow, result).map(({ id, nextDrainAt }) => [id, nextDrainAt]));
}

/** Makes a destination's pending deliveries due, whatever their retry schedule says. */
export async function bringDeliveriesForward(db: Database, destinationId: string, now: number): Promise<void> {
  await write(db, bringForward(db, destinationId, { now, dueAt: now }));
}

/** Leaves alone what is claimed: it is due within a lease or, if it was claimed after `now`, has its `claims`. */
function bringForward(
  db: Database,
  destinationId: string,
  { now, dueAt }: { now: number; dueAt: number },
): D1PreparedStatement {
  return db
    .prepare(bringForwardSql)
    .bind(destinationId, now + DRAIN_LEASE_MS, MOST_BROUGHT_FORWARD, dueAt, now - MIN_LIFETIME_SECONDS * 1000);
}
