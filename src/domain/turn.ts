import type { Destination } from "./destination.ts";

/**
 * What one visit of the retry lane may take from a destination's waiting deliveries. `free`: any number of visits may be
 * under way at once. The others go one after another, each holding the destination's turn: `probe` while it rests, `paced`
 * by its `max_per_second`, `recovering` when it has just come back, or asked for less, and all that it is owed comes out at
 * once.
 */
export type Turn =
  | { readonly kind: "free" | "probe"; readonly limit: number }
  | { readonly kind: "paced" | "recovering"; readonly limit: number; readonly gapMs: number };

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

/** The turn that is due at `now`; null when none is. `gapMs` is the least wait between its end and the next turn. */
export function turnOf(
  destination: Pick<Destination, "enabled" | "onLane" | "maxPerSecond" | "restingSince" | "nextTurnAt" | "heldUntil">,
  now: number,
): Turn | null {
  const { enabled, onLane, maxPerSecond, restingSince, nextTurnAt, heldUntil } = destination;
  if (!enabled || (nextTurnAt !== null && now < nextTurnAt)) return null;
  if (heldUntil !== null && now < heldUntil) return null;
  if (restingSince !== null) return { kind: "probe", limit: 1 };
  const page = onLane ? LANE_PAGE : PAGE;
  if (maxPerSecond !== null) return atRate("paced", maxPerSecond, page);
  if (nextTurnAt !== null || heldUntil !== null) return atRate("recovering", RECOVERING_PER_SECOND, page);
  return { kind: "free", limit: page };
}

function atRate(kind: "paced" | "recovering", perSecond: number, page: number): Turn {
  // Whole ones: two and a half a second would be four in some.
  const whole = perSecond < 1 ? perSecond : Math.floor(perSecond);
  const limit = Math.min(page, Math.max(1, whole));
  return { kind, limit, gapMs: Math.ceil((limit / whole) * 1000) };
}

/** What a visit found and did. */
export interface Visited {
  /** Deliveries that it claimed, … */
  readonly claimed: number;
  /** Whether it took as many as its turn allows, with those that had only to be ended. */
  readonly isFull: boolean;
  /** … and of the claimed, attempts that it began. */
  readonly begun: number;
  /** Whether it put off others, for which a message has been sent. */
  readonly hasPutOff: boolean;
  /** When the next of the destination's other deliveries is due, Unix milliseconds; null when none waits. */
  readonly nextDueAt: number | null;
  /** Rest of a destination that was slow. */
  readonly restMs: number;
}

/** What is to follow a visit. */
export interface AfterVisit {
  /** Whether the turn that it holds is given back. */
  readonly endsTurn: boolean;
  /** When the next turn may begin, Unix milliseconds; null: at any time. */
  readonly nextTurnAt: number | null;
  /** When a message must wake the lane, Unix milliseconds; null: others will. */
  readonly wakeAt: number | null;
}

/**
 * What follows a visit: one message at most, or they would multiply. Each delivery has one for its own time, so only what is
 * due already calls for another. But a turn's end always does: the messages that came while it was held, or come before the
 * next one may begin, find nothing to do.
 */
export function afterVisit(turn: Turn, visited: Visited, now: number): AfterVisit {
  const { claimed, begun, hasPutOff, nextDueAt, restMs } = visited;
  if (turn.kind === "probe" && claimed > 0) {
    // What came of it decides over the next one; if nothing did, it has yet to be made.
    return begun > 0
      ? { endsTurn: false, nextTurnAt: null, wakeAt: null }
      : { endsTurn: true, nextTurnAt: now, wakeAt: now };
  }
  if ((turn.kind === "paced" || turn.kind === "recovering") && claimed > 0) {
    const isRecovered = turn.kind === "recovering" && !visited.isFull;
    const nextTurnAt = isRecovered ? null : now + turn.gapMs;
    return { endsTurn: true, nextTurnAt, wakeAt: Math.max(nextTurnAt ?? now, now + restMs) };
  }
  const isMoreDue = nextDueAt !== null && nextDueAt <= now && !hasPutOff;
  return { endsTurn: false, nextTurnAt: null, wakeAt: isMoreDue ? now + restMs : null };
}
