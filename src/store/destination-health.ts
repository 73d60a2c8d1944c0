import type { Attempt } from "../domain/delivery.ts";
import { belongsOnLane } from "../domain/destination.ts";

/** The newest deliveries of a destination that are looked at for its last success. */
const LOOK_BACK = 100;

/** Start of the latest success among a destination's newest deliveries, on a row of `destinations`. */
export const newestSuccessSql = `(
  SELECT max(newest.attempts ->> '$[#-1].at') FROM (
    SELECT status, attempts FROM deliveries
    WHERE deliveries.destination_id = destinations.id
    ORDER BY received_at DESC, event_id DESC LIMIT ${LOOK_BACK}
  ) AS newest WHERE newest.status = 'delivered')`;

export const recordHealthSql = `
  UPDATE destinations SET
    consecutive_failures = CASE WHEN run.value ->> 'last_success_at' IS NULL THEN consecutive_failures ELSE 0 END
      + (run.value ->> 'trailing_failures'),
    last_success_at = coalesce(
      run.value ->> 'last_success_at',
      CASE WHEN consecutive_failures = 0 THEN ${newestSuccessSql} END,
      last_success_at),
    last_failure_at = coalesce(run.value ->> 'last_failure_at', last_failure_at),
    on_lane = run.value ->> 'on_lane'
  FROM json_each(?1) AS run
  WHERE destinations.id = run.value ->> 'destination_id'
    AND (run.value ->> 'last_failure_at' IS NOT NULL OR consecutive_failures > 0 OR on_lane <> run.value ->> 'on_lane')`;

/** Statements that note failures, recoveries and slowness. A quick success after another writes nothing. */
export function recordHealth(
  db: D1Database,
  attempts: readonly { readonly destinationId: string; readonly attempt: Attempt }[],
): D1PreparedStatement[] {
  if (attempts.length === 0) return [];
  const byDestination = Map.groupBy(attempts, ({ destinationId }) => destinationId);
  const runs = [...byDestination].map(([destinationId, made]) => ({
    destination_id: destinationId,
    ...summarize(made.map(({ attempt }) => attempt)),
  }));
  return [db.prepare(recordHealthSql).bind(JSON.stringify(runs))];
}

function summarize(attempts: readonly Attempt[]) {
  const inOrder = attempts.toSorted((one, other) => endOf(one) - endOf(other));
  const lastSuccess = inOrder.findLastIndex(({ outcome }) => outcome === "delivered");
  return {
    last_success_at: inOrder[lastSuccess]?.at ?? null,
    last_failure_at: inOrder.findLast(({ outcome }) => outcome !== "delivered")?.at ?? null,
    trailing_failures: inOrder.length - 1 - lastSuccess,
    on_lane: inOrder.slice(-1).some(belongsOnLane) ? 1 : 0,
  };
}

function endOf({ at, durationMs }: Attempt): number {
  return at + durationMs;
}
