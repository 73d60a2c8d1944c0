import type { Attempt } from "../../../domain/delivery.ts";
import { matches } from "../../../domain/destination.ts";
import type { DestinationBacklog } from "../../../store/destination-deliveries.ts";
import type { DestinationReport } from "../../../store/destinations.ts";
import type { EventKind } from "../../../store/traffic.ts";

/** What is known of a destination. Times are Unix milliseconds. */
export interface DestinationFacts {
  readonly destination: DestinationReport;
  readonly backlog: Pick<DestinationBacklog, "pending" | "oldestPendingAt" | "dead">;
  readonly latest: { readonly attempt: Attempt; readonly eventId: string } | null;
  /** Receipt of the newest event with the destination among its recipients. */
  readonly newestAt: number | null;
  /** The earliest attempt of a pending delivery. */
  readonly nextAttemptAt: number | null;
  /** Recent events, not older than the destination. */
  readonly kinds: readonly EventKind[];
  readonly now: number;
}

/** Why a destination gets no events, or that it does. */
export type DiagnosisKind =
  /** Paused by its own 410. */
  | "gone"
  | "paused"
  | "circuit_open"
  /** It answered 429, or 503 with `Retry-After`. */
  | "throttled"
  | "failing"
  /** Its own rate limit slows it down. */
  | "behind"
  /** Events came while they did not match it. */
  | "missed"
  | "no_events"
  | "other_types"
  | "other_organizations"
  | "healthy";

export const DAY_MS = 86_400_000;

/** A shorter wait is no sign of trouble. */
const OLD_BACKLOG_MS = 60_000;

/** A 410 pauses its destination when the attempt is recorded. */
const RECORDED_WITHIN_MS = 60_000;

export function diagnose(facts: DestinationFacts): DiagnosisKind {
  const { destination, backlog, kinds, now } = facts;
  const { heldUntil, lastSuccessAt } = destination;
  if (!destination.enabled) return isPausedByGone(facts) ? "gone" : "paused";
  if (destination.circuitOpenedAt !== null) return "circuit_open";
  if (heldUntil !== null && heldUntil > now) return "throttled";
  if (destination.isFailing) return "failing";
  if (destination.maxPerSecond !== null && isBacklogOld(backlog, now)) return "behind";
  const missedAt = newestMissedAt(facts);
  // Events that came after the last change are only about to be delivered.
  if (missedAt !== null && missedAt < destination.updatedAt) return "missed";
  if (missedAt !== null || kinds.some((kind) => matches(destination, kind))) return "healthy";
  // On a busy day the matching events need not be among the recent ones.
  if (lastSuccessAt !== null && lastSuccessAt >= now - DAY_MS) return "healthy";
  if (kinds.length === 0) return "no_events";
  return ofItsTypes(facts).length === 0 ? "other_types" : "other_organizations";
}

function isPausedByGone({ destination: { updatedAt }, latest }: DestinationFacts): boolean {
  if (latest?.attempt.outcome !== "gone") return false;
  const { at, durationMs } = latest.attempt;
  return updatedAt >= at && updatedAt <= at + durationMs + RECORDED_WITHIN_MS;
}

export function isBacklogOld({ oldestPendingAt }: DestinationFacts["backlog"], now: number): boolean {
  return oldestPendingAt !== null && now - oldestPendingAt >= OLD_BACKLOG_MS;
}

/**
 * Receipt of the newest matching event whose recipients lack the destination; null: none is known. Whether a filter rejected an
 * event only its body tells.
 */
export function newestMissedAt({ destination, kinds, newestAt }: DestinationFacts): number | null {
  if (destination.filter !== null) return null;
  const matching = kinds.filter((kind) => matches({ ...destination, enabled: true }, kind));
  const newest = Math.max(0, ...matching.map((kind) => kind.newestAt));
  return newest > (newestAt ?? 0) ? newest : null;
}

export function ofItsTypes({ destination, kinds }: DestinationFacts): readonly EventKind[] {
  return kinds.filter((kind) => matches({ ...destination, organizations: null }, kind));
}
