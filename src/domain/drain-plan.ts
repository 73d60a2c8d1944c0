import type { Destination } from "./destination.ts";

/**
 * What one drain of the retries may take from a destination's waiting deliveries. `free`: any number of drains may be
 * under way at once. The others go one after another, each holding the destination's plan: `probe` while it rests, `paced`
 * by its `max_per_second`, `recovering` when it has just come back, or asked for less, and all that it is owed comes out at
 * once.
 */
export type DrainPlan =
  | { readonly kind: "free" | "probe"; readonly limit: number }
  | { readonly kind: "paced" | "recovering"; readonly limit: number; readonly gapMs: number };

/**
 * How long a drain's claims and its turn are its own. Longer than a drain can take; short, because what a dead consumer
 * had claimed waits for its end.
 */
export const LEASE_MS = 60_000;

/** A page fits into a drain of a few seconds. */
const PAGE = 100;

/** As many as may be in flight: a destination that does not answer quickly lets no more begin. */
const ISOLATED_PAGE = 5;

/** Deliveries a second to a destination that has just come back. */
const RECOVERING_PER_SECOND = 50;

/** The turn that is due at `now`; null when none is. `gapMs` is the least wait between its end and the next plan. */
export function planDrain(
  destination: Pick<
    Destination,
    "enabled" | "isIsolated" | "maxPerSecond" | "circuitOpenedAt" | "nextDrainAt" | "heldUntil"
  >,
  now: number,
): DrainPlan | null {
  const { enabled, isIsolated, maxPerSecond, circuitOpenedAt, nextDrainAt, heldUntil } = destination;
  if (!enabled || (nextDrainAt !== null && now < nextDrainAt)) return null;
  if (heldUntil !== null && now < heldUntil) return null;
  if (circuitOpenedAt !== null) return { kind: "probe", limit: 1 };
  const page = isIsolated ? ISOLATED_PAGE : PAGE;
  if (maxPerSecond !== null) return atRate("paced", maxPerSecond, page);
  if (nextDrainAt !== null || heldUntil !== null) return atRate("recovering", RECOVERING_PER_SECOND, page);
  return { kind: "free", limit: page };
}

function atRate(kind: "paced" | "recovering", perSecond: number, page: number): DrainPlan {
  // Whole ones: two and a half a second would be four in some.
  const whole = perSecond < 1 ? perSecond : Math.floor(perSecond);
  const limit = Math.min(page, Math.max(1, whole));
  return { kind, limit, gapMs: Math.ceil((limit / whole) * 1000) };
}

/** What a drain found and did. */
export interface DrainResult {
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

/** What is to follow a drain. */
export interface AfterDrain {
  /** Whether the turn that it holds is given back. */
  readonly endsDrain: boolean;
  /** When the next turn may begin, Unix milliseconds; null: at any time. */
  readonly nextDrainAt: number | null;
  /** When a message must drain the lane, Unix milliseconds; null: others will. */
  readonly drainAt: number | null;
}

/**
 * What follows a drain: one message at most, or they would multiply. Each delivery has one for its own time, so only what is
 * due already calls for another. But a plan's end always does: the messages that came while it was held, or come before the
 * next one may begin, find nothing to do.
 */
export function afterDrain(plan: DrainPlan, drained: DrainResult, now: number): AfterDrain {
  const { claimed, begun, hasPutOff, nextDueAt, restMs } = drained;
  if (plan.kind === "probe" && claimed > 0) {
    // What came of it decides over the next one; if nothing did, it has yet to be made.
    return begun > 0
      ? { endsDrain: false, nextDrainAt: null, drainAt: null }
      : { endsDrain: true, nextDrainAt: now, drainAt: now };
  }
  if ((plan.kind === "paced" || plan.kind === "recovering") && claimed > 0) {
    const isRecovered = plan.kind === "recovering" && !drained.isFull;
    const nextDrainAt = isRecovered ? null : now + plan.gapMs;
    return { endsDrain: true, nextDrainAt, drainAt: Math.max(nextDrainAt ?? now, now + restMs) };
  }
  const isMoreDue = nextDueAt !== null && nextDueAt <= now && !hasPutOff;
  return { endsDrain: false, nextDrainAt: null, drainAt: isMoreDue ? now + restMs : null };
}
