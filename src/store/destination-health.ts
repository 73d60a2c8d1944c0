import { z } from "zod";
import { batchOf } from "./batch.ts";
import { type Database, retried } from "./database.ts";
import { type Breaker, type CircuitChange, countAttempt, newBreaker } from "../domain/breaker.ts";
import type { Attempt } from "../domain/delivery.ts";
import { type Destination, isKeptOutOfFanOut, isSlow } from "../domain/destination.ts";
import { REMEMBERED_HOLD_MS } from "../domain/hold.ts";
import { MIN_LIFETIME_SECONDS } from "../domain/retry-schedule.ts";
import { DRAIN_LEASE_MS } from "../domain/lease.ts";
import { isAmongNewestSql } from "./event-order.ts";
import { recipientsSql } from "./event-progress.ts";

/** A destination's last success is looked for among its newest retried deliveries, and among the newest events of all. */
const DELIVERIES_LOOKED_AT = 100;
const EVENTS_LOOKED_AT = 200;

/** Start of the latest success among these, on a row of `destinations`. The cron notes the earlier ones. */
export const newestSuccessSql = `(
  SELECT max(at) FROM (
    SELECT newest.attempts ->> '$[#-1].at' AS at FROM (
      SELECT status, attempts FROM deliveries
      WHERE deliveries.destination_id = destinations.id
      ORDER BY received_at DESC, event_id DESC LIMIT ${DELIVERIES_LOOKED_AT}
    ) AS newest WHERE newest.status = 'delivered'
    UNION ALL
    SELECT recipients ->> ('$."' || destinations.id || '"[0]') FROM events WHERE ${isAmongNewestSql(EVENTS_LOOKED_AT)}))`;

export const noteSuccessesSql = `
  UPDATE destinations SET last_success_at = latest.at
  FROM (
    SELECT recipient.key AS id, max(recipient.value ->> 0) AS at
    FROM events CROSS JOIN ${recipientsSql} WHERE seq > ?1 AND seq <= ?2 GROUP BY recipient.key
  ) AS latest
  WHERE destinations.id = latest.id AND latest.at > coalesce(last_success_at, 0)`;

/** Notes each destination's latest successful first attempt among the events after one position, up to another. */
export async function noteSuccesses(db: Database, after: number, upTo: number): Promise<void> {
  await retried(db, () => db.prepare(noteSuccessesSql).bind(after, upTo).run());
}

const isExpiredHoldSql = `held_until <= ?2 - ${REMEMBERED_HOLD_MS}`;

/**
 * Adds what `countAttempt` in src/domain/breaker.ts has counted; test/worker/store/breaker-counts.property.test.ts compares
 * the two. A hold counts for the URL that asked for it: after a change of the URL an answer holds nothing.
 */
export const recordHealthSql = `
  UPDATE destinations SET
    consecutive_failures = iif(run.value ->> 'last_success_at' IS NULL, consecutive_failures, 0)
      + (run.value ->> 'consecutive_failures'),
    consecutive_timeouts = iif(run.value ->> 'only_timeouts', consecutive_timeouts, 0)
      + (run.value ->> 'consecutive_timeouts'),
    failing_since = CASE
      WHEN run.value ->> 'consecutive_failures' = 0 THEN NULL
      WHEN run.value ->> 'last_success_at' IS NULL AND failing_since IS NOT NULL THEN failing_since
      ELSE run.value ->> 'failing_since' END,
    last_success_at = coalesce(
      run.value ->> 'last_success_at',
      CASE WHEN consecutive_failures = 0 THEN ${newestSuccessSql} END,
      last_success_at),
    last_failure_at = coalesce(run.value ->> 'last_failure_at', last_failure_at),
    isolated = run.value ->> 'isolated',
    held_until = CASE
      WHEN run.value ->> 'held_until' IS NOT NULL AND url = run.value ->> 'url'
        THEN max(coalesce(held_until, 0), run.value ->> 'held_until')
      WHEN ${isExpiredHoldSql} THEN NULL
      ELSE held_until END
  FROM json_each(?1) AS run
  WHERE destinations.id = run.value ->> 'destination_id'
    AND (run.value ->> 'last_failure_at' IS NOT NULL OR consecutive_failures > 0 OR circuit_opened_at IS NOT NULL
      OR isolated <> run.value ->> 'isolated' OR run.value ->> 'always' OR ${isExpiredHoldSql})
  RETURNING destinations.id, consecutive_failures, consecutive_timeouts, failing_since, circuit_opened_at, failed_probes`;

/**
 * A statement that notes failures, recoveries, slowness and `holds`, which are instants by destination. Its rows, for
 * `readBreakerRow`, are the destinations that it changed. A quick success after another writes nothing, unless the retries
 * make all of the destination's attempts: then its latest success need not be among its newest deliveries.
 */
export function recordHealth(
  db: Database,
  attempts: readonly { readonly destination: Destination; readonly attempt: Attempt }[],
  holds: ReadonlyMap<string, number>,
  now: number,
): D1PreparedStatement {
  const byDestination = Map.groupBy(attempts, ({ destination }) => destination.id);
  const runs = [...byDestination].map(([destinationId, made]) => ({
    destination_id: destinationId,
    url: made[0]?.destination.url ?? null,
    always: made.some(({ destination }) => isKeptOutOfFanOut(destination, now)) ? 1 : 0,
    held_until: holds.get(destinationId) ?? null,
    ...summarize(made.map(({ attempt }) => attempt)),
  }));
  return db.prepare(recordHealthSql).bind(JSON.stringify(runs), now);
}

export const isolateSql = `
  UPDATE destinations SET isolated = 1 WHERE isolated = 0 AND id IN (SELECT value FROM json_each(?1))`;

/** A statement that isolates destinations whose answers are late, whatever the answers will be. */
export function isolate(db: Database, destinationIds: readonly string[]): D1PreparedStatement {
  return db.prepare(isolateSql).bind(JSON.stringify(destinationIds));
}

const breakerRow = z
  .object({
    id: z.string(),
    consecutive_failures: z.number(),
    consecutive_timeouts: z.number(),
    failing_since: z.number().nullable(),
    circuit_opened_at: z.number().nullable(),
    failed_probes: z.number(),
  })
  .transform((row): { readonly destinationId: string; readonly breaker: Breaker } => ({
    destinationId: row.id,
    breaker: {
      consecutiveFailures: row.consecutive_failures,
      consecutiveTimeouts: row.consecutive_timeouts,
      failingSince: row.failing_since,
      circuitOpenedAt: row.circuit_opened_at,
      failedProbes: row.failed_probes,
    },
  }));

export function readBreakerRow(row: unknown): z.output<typeof breakerRow> {
  return breakerRow.parse(row);
}

/** Not if another consumer has changed the circuit meanwhile. */
export const changeCircuitSql = `
  UPDATE destinations SET circuit_opened_at = ?2, failed_probes = ?3, next_drain_at = ?4
  WHERE id = ?1 AND circuit_opened_at IS ?5 AND failed_probes = ?6`;

/**
 * When a circuit closes, deliveries need not wait for their retry schedule any longer, but still for a `Retry-After`. The step
 * that is cut short is given back: otherwise a circuit that opens and closes would use up a schedule of days in minutes.
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
  { destinationId, breaker }: { readonly destinationId: string; readonly breaker: Breaker },
  change: CircuitChange,
  now: number,
): Promise<boolean> {
  const statement = db
    .prepare(changeCircuitSql)
    .bind(
      destinationId,
      change.circuitOpenedAt,
      change.failedProbes,
      change.nextDrainAt,
      breaker.circuitOpenedAt,
      breaker.failedProbes,
    );
  // Due since the circuit opened: so they go out before all that has come in since, oldest first.
  const dueAt = breaker.circuitOpenedAt ?? now;
  const { circuit } = await retried(db, () =>
    batchOf(db, {
      circuit: statement,
      deliveries: change.circuitOpenedAt === null ? [bringForward(db, destinationId, { now, dueAt })] : [],
    }),
  );
  return circuit.changes > 0;
}

/** Not before `max_per_second` allows it. While a probe is claimed, `next_drain_at` is the end of its lease, and stays. */
export const probeNowSql = `
  UPDATE destinations SET next_drain_at = iif(max_per_second IS NULL, ?2,
    max(?2, coalesce(last_failure_at, 0) + CAST(1000 * max(1, 1.0 / max_per_second) AS INTEGER) + 1))
  WHERE circuit_opened_at IS NOT NULL AND id IN (SELECT value FROM json_each(?1))
    AND (max_per_second IS NULL OR NOT EXISTS (
      SELECT 1 FROM deliveries
      WHERE destination_id = destinations.id AND status = 'pending' AND next_attempt_at = destinations.next_drain_at))
  RETURNING id, next_drain_at`;

const probeRow = z.object({ id: z.string(), next_drain_at: z.number() });

/** Lets destinations with an open circuit be probed now. Returns when each may be, by its id. */
export async function probeNow(
  db: Database,
  destinationIds: readonly string[],
  now: number,
): Promise<ReadonlyMap<string, number>> {
  const statement = db.prepare(probeNowSql).bind(JSON.stringify(destinationIds), now);
  const { results } = await retried(db, () => statement.all());
  return new Map(results.map((row) => probeRow.parse(row)).map(({ id, next_drain_at }) => [id, next_drain_at]));
}

/** Makes a destination's pending deliveries due, whatever their retry schedule says. */
export async function bringDeliveriesForward(db: Database, destinationId: string, now: number): Promise<void> {
  await retried(db, () => bringForward(db, destinationId, { now, dueAt: now }).run());
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

/** What some attempts, counted from a new breaker, add to the counts of their destination. */
function summarize(attempts: readonly Attempt[]) {
  const inOrder = attempts.toSorted((one, other) => endOf(one) - endOf(other));
  const run = inOrder.reduce(countAttempt, newBreaker);
  return {
    last_success_at: inOrder.findLast(({ outcome }) => outcome === "delivered")?.at ?? null,
    last_failure_at: inOrder.findLast(({ outcome }) => outcome !== "delivered")?.at ?? null,
    failing_since: run.failingSince,
    consecutive_failures: run.consecutiveFailures,
    consecutive_timeouts: run.consecutiveTimeouts,
    only_timeouts: inOrder.every(({ outcome }) => outcome === "timed_out") ? 1 : 0,
    isolated: inOrder.slice(-1).some(isSlow) ? 1 : 0,
  };
}

function endOf({ at, durationMs }: Attempt): number {
  return at + durationMs;
}
