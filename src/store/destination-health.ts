import { z } from "zod";
import { type Database, retried } from "./database.ts";
import type { Breaker, BreakerChange } from "../domain/breaker.ts";
import type { Attempt } from "../domain/delivery.ts";
import { type Destination, isIsolatedFromStart, isSlow } from "../domain/destination.ts";
import { REMEMBERED_HOLD_MS } from "../domain/hold.ts";
import { SHORTEST_HOLD_SECONDS } from "../domain/retry-schedule.ts";
import { LEASE_MS } from "../domain/drain-plan.ts";
import { isAmongNewestSql } from "./event-order.ts";
import { recipientsSql } from "./event-progress.ts";

/** What is looked at for a destination's last success: its newest retried deliveries, and the newest events of all. */
const DELIVERIES_LOOKED_AT = 100;
const EVENTS_LOOKED_AT = 200;

/** Start of the latest success among these, on a row of `destinations`. The cron notes what is further back. */
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

/** Notes the latest first attempt that succeeded at each destination, among events from behind one position up to another. */
export async function noteSuccesses(db: Database, after: number, upTo: number): Promise<void> {
  await retried(db, () => db.prepare(noteSuccessesSql).bind(after, upTo).run());
}

const isExpiredHoldSql = `held_until <= ?2 - ${REMEMBERED_HOLD_MS}`;

/** A hold is asked for by the URL that was called: an answer that comes after a change of it holds nobody. */
export const recordHealthSql = `
  UPDATE destinations SET
    consecutive_failures = iif(run.value ->> 'last_success_at' IS NULL, consecutive_failures, 0)
      + (run.value ->> 'trailing_failures'),
    consecutive_timeouts = iif(run.value ->> 'only_timeouts', consecutive_timeouts, 0)
      + (run.value ->> 'trailing_timeouts'),
    failing_since = CASE
      WHEN run.value ->> 'trailing_failures' = 0 THEN NULL
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
 * A statement that notes failures, recoveries and slowness; its rows, for `readBreakerRow`, are the destinations to which
 * something happened. A quick success after another writes nothing, but for a destination that the lane serves: its latest
 * successes need not be among its newest deliveries. `holds`: until when destinations are to be left alone, by their ids.
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
    always: made.some(({ destination }) => isIsolatedFromStart(destination, now)) ? 1 : 0,
    held_until: holds.get(destinationId) ?? null,
    ...summarize(made.map(({ attempt }) => attempt)),
  }));
  return db.prepare(recordHealthSql).bind(JSON.stringify(runs), now);
}

export const isolateSql = `
  UPDATE destinations SET isolated = 1 WHERE isolated = 0 AND id IN (SELECT value FROM json_each(?1))`;

/** A statement that leaves destinations to the lane whose answers are late, whatever these will be. */
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

/** Not if somebody else has turned it meanwhile. */
export const changeBreakerSql = `
  UPDATE destinations SET circuit_opened_at = ?2, failed_probes = ?3, next_drain_at = ?4
  WHERE id = ?1 AND circuit_opened_at IS ?5 AND failed_probes = ?6`;

/**
 * Waits of the retry schedule are over when a destination comes back; what its answers asked for is not. The wait that is
 * cut short is given back: a destination that comes and goes would use up the schedules of days within minutes.
 */
export const bringForwardSql = `
  UPDATE deliveries SET next_attempt_at = max(received_at, ?4), step = iif(received_at > ?5, max(step - 1, 0), step)
  WHERE (destination_id, received_at, event_id) IN (
    SELECT destination_id, received_at, event_id FROM deliveries
    WHERE destination_id = ?1 AND status = 'pending' AND next_attempt_at > ?2 AND claims = 0
      AND attempts ->> '$[#-1].retry_after_seconds' IS NULL
    ORDER BY next_attempt_at LIMIT ?3)`;

/** What failed before a breaker opened, and that is what was sent in about a minute; more keeps to its schedule. */
const BROUGHT_FORWARD_AT_MOST = 1_000;

/**
 * Opens, closes or keeps a breaker open; what a destination that comes back is owed becomes due. Returns whether nobody else
 * has turned it meanwhile.
 */
export async function changeBreaker(
  db: Database,
  { destinationId, breaker }: { readonly destinationId: string; readonly breaker: Breaker },
  change: BreakerChange,
  now: number,
): Promise<boolean> {
  const turn = db
    .prepare(changeBreakerSql)
    .bind(
      destinationId,
      change.circuitOpenedAt,
      change.failedProbes,
      change.nextDrainAt,
      breaker.circuitOpenedAt,
      breaker.failedProbes,
    );
  const isBack = change.circuitOpenedAt === null;
  // Due since the rest began: before all that has come in since, oldest first.
  const dueAt = breaker.circuitOpenedAt ?? now;
  const [turned] = await retried(db, () =>
    db.batch(isBack ? [turn, bringForward(db, destinationId, { now, dueAt })] : [turn]),
  );
  return (turned?.meta.changes ?? 0) > 0;
}

/**
 * With a `max_per_second` the probe waits until that allows it. While a probe is claimed, `next_drain_at` is the end of its
 * lease, and stays.
 */
export const probeNowSql = `
  UPDATE destinations SET next_drain_at = iif(max_per_second IS NULL, ?2,
    max(?2, coalesce(last_failure_at, 0) + CAST(1000 * max(1, 1.0 / max_per_second) AS INTEGER) + 1))
  WHERE circuit_opened_at IS NOT NULL AND id IN (SELECT value FROM json_each(?1))
    AND (max_per_second IS NULL OR NOT EXISTS (
      SELECT 1 FROM deliveries
      WHERE destination_id = destinations.id AND status = 'pending' AND next_attempt_at = destinations.next_drain_at))
  RETURNING id, next_drain_at`;

const probeRow = z.object({ id: z.string(), next_drain_at: z.number() });

/** Has destinations with an open circuit probed at once, for an operator. Returns when each may be, by its id. */
export async function probeNow(
  db: Database,
  destinationIds: readonly string[],
  now: number,
): Promise<ReadonlyMap<string, number>> {
  const statement = db.prepare(probeNowSql).bind(JSON.stringify(destinationIds), now);
  const { results } = await retried(db, () => statement.all());
  return new Map(results.map((row) => probeRow.parse(row)).map(({ id, next_drain_at }) => [id, next_drain_at]));
}

/** What a destination is owed becomes due: its schedules' waits are over. */
export async function bringDeliveriesForward(db: Database, destinationId: string, now: number): Promise<void> {
  await retried(db, () => bringForward(db, destinationId, { now, dueAt: now }).run());
}

/** Leaves alone what is claimed: that waits no longer than a lease or, if it was claimed after `now`, bears its claim. */
function bringForward(
  db: Database,
  destinationId: string,
  { now, dueAt }: { now: number; dueAt: number },
): D1PreparedStatement {
  return db
    .prepare(bringForwardSql)
    .bind(destinationId, now + LEASE_MS, BROUGHT_FORWARD_AT_MOST, dueAt, now - SHORTEST_HOLD_SECONDS * 1000);
}

function summarize(attempts: readonly Attempt[]) {
  const inOrder = attempts.toSorted((one, other) => endOf(one) - endOf(other));
  const lastSuccess = inOrder.findLastIndex(({ outcome }) => outcome === "delivered");
  const lastOther = inOrder.findLastIndex(({ outcome }) => outcome !== "timed_out");
  const trailing = inOrder.slice(lastSuccess + 1);
  return {
    last_success_at: inOrder[lastSuccess]?.at ?? null,
    last_failure_at: inOrder.findLast(({ outcome }) => outcome !== "delivered")?.at ?? null,
    failing_since: trailing[0]?.at ?? null,
    trailing_failures: trailing.length,
    trailing_timeouts: inOrder.length - 1 - lastOther,
    only_timeouts: lastOther === -1 ? 1 : 0,
    isolated: inOrder.slice(-1).some(isSlow) ? 1 : 0,
  };
}

function endOf({ at, durationMs }: Attempt): number {
  return at + durationMs;
}
