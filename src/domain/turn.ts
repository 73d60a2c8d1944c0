import type { Destination } from "./destination.ts";

/**
 * What one visit of the retry lane may take from a destination's waiting deliveries. `free`: any number of visits may be
 * under way at once. The others go one after another, each holding the destination's turn: `probe` while it rests, `paced`
 * by its `max_per_second`, `recovering` when it has just come back and all that it is owed comes out at once.
 */
export type Turn =
  | { readonly kind: "free"; readonly limit: number }
  | { readonly kind: "probe" | "paced" | "recovering"; readonly limit: number; readonly gapMs: number };

/**
 * How long a visit's claims and its turn are its own. Longer than a visit can take; short, because what a dead consumer
 * had claimed waits for its end.
 */
export const LEASE_MS = 60_000;

/** A page fits into a visit of a few seconds. */
const PAGE = 100;

/** As many as may be in flight: a destination that does not answer quickly lets no more begin. */
const LANE_PAGE = 5;

/** Deliveries a second to a destination that has just come back. */
const RECOVERING_PER_SECOND = 50;

/** A probe's conclusion says when the next one is due. */
const NO_GAP_MS = 0;

/** The turn that is due at `now`; null when none is. `gapMs` is the least wait between its last attempt and the next turn. */
export function turnOf(
  destination: Pick<Destination, "enabled" | "onLane" | "maxPerSecond" | "restingSince" | "nextTurnAt">,
  now: number,
): Turn | null {
  const { enabled, onLane, maxPerSecond, restingSince, nextTurnAt } = destination;
  if (!enabled || (nextTurnAt !== null && now < nextTurnAt)) return null;
  if (restingSince !== null) return { kind: "probe", limit: 1, gapMs: NO_GAP_MS };
  if (maxPerSecond !== null) return atRate("paced", maxPerSecond);
  if (nextTurnAt !== null) return atRate("recovering", RECOVERING_PER_SECOND);
  return { kind: "free", limit: onLane ? LANE_PAGE : PAGE };
}

function atRate(kind: "paced" | "recovering", perSecond: number): Turn {
  const limit = Math.min(PAGE, Math.max(1, Math.floor(perSecond)));
  return { kind, limit, gapMs: Math.ceil((limit / perSecond) * 1000) };
}

/** When the turn after a finished one may begin, Unix milliseconds; null when turns need no longer be taken. */
export function nextTurnAfter(turn: Exclude<Turn, { kind: "free" }>, claimed: number, now: number): number | null {
  return turn.kind === "recovering" && claimed < turn.limit ? null : now + turn.gapMs;
}
