import { z } from "zod";
import { type Database, write } from "./database.ts";
import { type Breaker, countAttempt, newBreaker } from "../domain/breaker.ts";
import type { Attempt } from "../domain/delivery.ts";
import { type Destination, isLeftToDrains, isSlow } from "../domain/destination.ts";
import { REMEMBERED_HOLD_MS } from "../domain/hold.ts";
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
  await write(db, db.prepare(noteSuccessesSql).bind(after, upTo));
}

const isExpiredHoldSql = `held_until <= ?2 - ${REMEMBERED_HOLD_MS}`;

/** On a row of `destinations`: the columns of `readBreakerRow`. */
export const breakerColumnsSql = `destinations.id AS destinationId, consecutive_failures AS consecutiveFailures,
    consecutive_timeouts AS consecutiveTimeouts, failing_since AS failingSince, circuit_opened_at AS circuitOpenedAt,
    failed_probes AS failedProbes`;

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
    last_dead_at = iif(run.value ->> 'has_dead', max(coalesce(last_dead_at, 0), ?2), last_dead_at),
    is_slow = run.value ->> 'is_slow',
    held_until = CASE
      WHEN run.value ->> 'held_until' IS NOT NULL AND url = run.value ->> 'url'
        THEN max(coalesce(held_until, 0), run.value ->> 'held_until')
      WHEN ${isExpiredHoldSql} THEN NULL
      ELSE held_until END
  FROM json_each(?1) AS run
  WHERE destinations.id = run.value ->> 'destination_id'
    AND (run.value ->> 'last_failure_at' IS NOT NULL OR consecutive_failures > 0 OR circuit_opened_at IS NOT NULL
      OR is_slow <> run.value ->> 'is_slow' OR run.value ->> 'must_write' OR ${isExpiredHoldSql})
  RETURNING ${breakerColumnsSql}`;

const breakerRow = z.object({
  destinationId: z.string(),
  consecutiveFailures: z.number(),
  consecutiveTimeouts: z.number(),
  failingSince: z.number().nullable(),
  circuitOpenedAt: z.number().nullable(),
  failedProbes: z.number(),
}) satisfies z.ZodType<Breaker>;

/** A destination's breaker after `recordHealth`. */
export type BreakerRow = z.output<typeof breakerRow>;

export const readBreakerRow = (row: unknown): BreakerRow => breakerRow.parse(row);

/**
 * A statement that notes failures, recoveries, slowness, `holds`, which are instants by destination, and that a delivery to
 * the destinations `withDead` is dead. Its rows, for `readBreakerRow`, are the destinations that it changed. A quick success after another writes nothing, unless drains
 * make all of the destination's attempts: then its latest success need not be among its newest deliveries.
 */
export function recordHealth(
  db: Database,
  attempts: readonly { readonly destination: Destination; readonly attempt: Attempt }[],
  { holds, withDead }: { readonly holds: ReadonlyMap<string, number>; readonly withDead: ReadonlySet<string> },
  now: number,
): D1PreparedStatement {
  const byDestination = Map.groupBy(attempts, ({ destination }) => destination.id);
  const runs = [...byDestination].map(([destinationId, made]) => ({
    destination_id: destinationId,
    url: made[0]?.destination.url ?? null,
    must_write: made.some(({ destination }) => isLeftToDrains(destination, now)) ? 1 : 0,
    held_until: holds.get(destinationId) ?? null,
    has_dead: withDead.has(destinationId) ? 1 : 0,
    ...summarize(made.map(({ attempt }) => attempt)),
  }));
  return db.prepare(recordHealthSql).bind(JSON.stringify(runs), now);
}

export const markSlowSql = `
  UPDATE destinations SET is_slow = 1 WHERE is_slow = 0 AND id IN (SELECT value FROM json_each(?1))`;

/** A statement for destinations whose answers are late, whatever the answers will be. */
export function markSlow(db: Database, destinationIds: readonly string[]): D1PreparedStatement {
  return db.prepare(markSlowSql).bind(JSON.stringify(destinationIds));
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
    is_slow: inOrder.slice(-1).some(isSlow) ? 1 : 0,
  };
}

function endOf({ at, durationMs }: Attempt): number {
  return at + durationMs;
}
