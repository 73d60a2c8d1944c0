import type { Attempt } from "../../../domain/delivery.ts";
import { wants } from "../../../domain/destination.ts";
import type { DestinationBacklog } from "../../../store/destination-deliveries.ts";
import type { DestinationReport } from "../../../store/destinations.ts";
import type { EventKind } from "../../../store/traffic.ts";

/** What is known of a destination. Times are Unix milliseconds. */
export interface DestinationFacts {
  readonly destination: DestinationReport;
  readonly backlog: Pick<DestinationBacklog, "pending" | "oldestPendingAt" | "dead">;
  /** What it answered last, as far as is known. */
  readonly latest: Attempt | null;
  /** Receipt of the newest event that it was owed. */
  readonly newestAt: number | null;
  /** When the next attempt of what waits is due. */
  readonly nextAttemptAt: number | null;
  /** What came of late, since the destination is there. */
  readonly kinds: readonly EventKind[];
  readonly now: number;
}

/** Why a destination gets nothing, or that it does. */
export type DestinationJudgement =
  /** By its own 410. */
  | { readonly kind: "gone" }
  | { readonly kind: "paused" }
  | { readonly kind: "resting" }
  /** It asked for less. */
  | { readonly kind: "held"; readonly until: number }
  | { readonly kind: "failing" }
  /** Its own limit holds it up. */
  | { readonly kind: "paced"; readonly forSeconds: number }
  /** It was not to get what came meanwhile. */
  | { readonly kind: "missed"; readonly newestAt: number }
  /** Nothing at all came. */
  | { readonly kind: "silence" }
  | { readonly kind: "other-types" | "other-organizations"; readonly came: readonly EventKind[] }
  /** It gets its events; some wait, for a moment or because it does not take each of them. */
  | { readonly kind: "well" };

/** A rate that is kept up is no trouble; a queue in front of it is. */
const HELD_UP_AFTER_MS = 60_000;

/** What is said of a destination that gets nothing holds for so long. */
const DAY_MS = 86_400_000;

/** A 410 disables in the moment in which it is written down. */
const WRITTEN_DOWN_WITHIN_MS = 60_000;

export function judgeDestination(facts: DestinationFacts): DestinationJudgement {
  const { destination, now } = facts;
  if (!destination.enabled) return { kind: wasGone(facts) ? "gone" : "paused" };
  if (destination.circuitOpenedAt !== null) return { kind: "resting" };
  if (destination.heldUntil !== null && destination.heldUntil > now)
    return { kind: "held", until: destination.heldUntil };
  if (destination.isFailing) return { kind: "failing" };
  return judgePace(facts) ?? judgeWishes(facts);
}

/** Receipt of the newest event that a destination wants and was not owed; null: none is known. */
export function newestMissed({ destination, kinds, newestAt }: DestinationFacts): number | null {
  const wanted = kinds.filter((kind) => wants({ ...destination, enabled: true }, kind));
  const newest = Math.max(0, ...wanted.map((kind) => kind.newestAt));
  return newest > (newestAt ?? 0) ? newest : null;
}

function wasGone({ destination, latest }: DestinationFacts): boolean {
  if (latest?.outcome !== "gone") return false;
  const endedAt = latest.at + latest.durationMs;
  return destination.updatedAt >= latest.at && destination.updatedAt <= endedAt + WRITTEN_DOWN_WITHIN_MS;
}

/** Whether some of what it is owed has waited for longer than a moment. */
export function waitsForLong({ oldestPendingAt }: DestinationFacts["backlog"], now: number): boolean {
  return oldestPendingAt !== null && now - oldestPendingAt >= HELD_UP_AFTER_MS;
}

function judgePace({ destination: { maxPerSecond }, backlog, now }: DestinationFacts): DestinationJudgement | null {
  if (maxPerSecond === null || !waitsForLong(backlog, now)) return null;
  return { kind: "paced", forSeconds: Math.ceil(backlog.pending / maxPerSecond) };
}

function judgeWishes(facts: DestinationFacts): DestinationJudgement {
  const { destination, kinds, now } = facts;
  const missed = newestMissed(facts);
  // What came since it was changed last is on its way.
  if (missed !== null && missed < destination.updatedAt) return { kind: "missed", newestAt: missed };
  if (missed !== null || kinds.some((kind) => wants(destination, kind))) return { kind: "well" };
  // On a busy day what it wants need not be among the newest.
  if (destination.lastSuccessAt !== null && destination.lastSuccessAt >= now - DAY_MS) return { kind: "well" };
  if (kinds.length === 0) return { kind: "silence" };
  const ofItsTypes = kinds.filter((kind) => wants({ ...destination, organizations: null }, kind));
  return ofItsTypes.length === 0
    ? { kind: "other-types", came: kinds }
    : { kind: "other-organizations", came: ofItsTypes };
}
