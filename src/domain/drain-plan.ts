import type { Destination } from "./destination.ts";
import { isOnHold } from "./hold.ts";

/**
 * What one drain may take from a destination's pending deliveries, by the state of the destination:
 *
 *   concurrent  any number of drains at once
 *   probe       its circuit is open: a single delivery
 *   paced       it has a `max_per_second`
 *   recovering  its circuit has just closed, or its hold has just ended, and all that has waited is due
 *
 * All but `concurrent` are exclusive: one runs at a time, and claims the destination until its lease ends.
 */
export type DrainPlan =
  | { readonly kind: "concurrent" | "probe"; readonly limit: number }
  /** `gapMs`: least wait between its end and the next drain. */
  | { readonly kind: "paced" | "recovering"; readonly limit: number; readonly gapMs: number };

/** A drain takes a few seconds for so many. */
const PAGE = 100;

/**
 * As many as may be in flight (`MAX_IN_FLIGHT` in src/deliver/attempt-all.ts): a destination that does not answer quickly lets
 * no more begin.
 */
const ISOLATED_PAGE = 5;

const RECOVERING_PER_SECOND = 50;

/** The drain that may begin at `now`; null when none may. */
export function planDrain(
  destination: Pick<
    Destination,
    "enabled" | "isIsolated" | "maxPerSecond" | "circuitOpenedAt" | "nextDrainAt" | "heldUntil"
  >,
  now: number,
): DrainPlan | null {
  const { enabled, isIsolated, maxPerSecond, circuitOpenedAt, nextDrainAt, heldUntil } = destination;
  if (!enabled || (nextDrainAt !== null && now < nextDrainAt)) return null;
  if (isOnHold(destination, now)) return null;
  if (circuitOpenedAt !== null) return { kind: "probe", limit: 1 };
  const page = isIsolated ? ISOLATED_PAGE : PAGE;
  if (maxPerSecond !== null) return atRate("paced", maxPerSecond, page);
  // Both are null again when all that has waited has gone out.
  if (nextDrainAt !== null || heldUntil !== null) return atRate("recovering", RECOVERING_PER_SECOND, page);
  return { kind: "concurrent", limit: page };
}

export function isExclusive({ kind }: DrainPlan): boolean {
  return kind !== "concurrent";
}

function atRate(kind: "paced" | "recovering", perSecond: number, page: number): DrainPlan {
  // Two and a half a second would be three in some seconds.
  const whole = perSecond < 1 ? perSecond : Math.floor(perSecond);
  const limit = Math.min(page, Math.max(1, whole));
  return { kind, limit, gapMs: Math.ceil((limit / whole) * 1000) };
}

/** What a drain found and did. */
export interface DrainResult {
  /** Deliveries that it claimed to attempt them. */
  readonly claimed: number;
  /** Attempts that it began. */
  readonly begun: number;
  /** Whether it took as many as its plan allows, those included that had only to be ended. */
  readonly isFull: boolean;
  /** Whether it deferred some of the claimed: a message has been sent for these. */
  readonly hasDeferred: boolean;
  /** When the next of the destination's other deliveries is due, Unix milliseconds; null: none is pending. */
  readonly nextDueAt: number | null;
  /** How long to leave a slow destination alone. */
  readonly slowDelayMs: number;
}

/**
 * What follows a drain. `at` is when a drain message must arrive, in Unix milliseconds.
 *
 *   none                  each pending delivery has a message of its own, or the breaker or the end of the hold sends one
 *   schedule              a drain message is sent
 *   release_and_schedule  the destination is released for the next exclusive drain, from `nextDrainAt` on (null: at any
 *                         time), and a drain message is sent
 */
export type AfterDrain =
  | { readonly next: "none" }
  | { readonly next: "schedule"; readonly at: number }
  | { readonly next: "release_and_schedule"; readonly nextDrainAt: number | null; readonly at: number };

/**
 * At most one message follows a drain, or messages would multiply. A delivery that is due later has its own. A paced or
 * recovering drain that claimed something sends one, because messages that arrived meanwhile did nothing. After a probe the
 * breaker sends it.
 */
export function afterDrain(plan: DrainPlan, result: DrainResult, now: number): AfterDrain {
  const { claimed, begun, isFull, hasDeferred, nextDueAt, slowDelayMs } = result;
  if (plan.kind === "probe" && claimed > 0) {
    // The probe's outcome decides over the next drain. A probe that was not begun is made again.
    return begun > 0 ? { next: "none" } : { next: "release_and_schedule", nextDrainAt: now, at: now };
  }
  if ((plan.kind === "paced" || plan.kind === "recovering") && claimed > 0) {
    const hasRecovered = plan.kind === "recovering" && !isFull;
    const nextDrainAt = hasRecovered ? null : now + plan.gapMs;
    return { next: "release_and_schedule", nextDrainAt, at: Math.max(nextDrainAt ?? now, now + slowDelayMs) };
  }
  const isMoreDue = nextDueAt !== null && nextDueAt <= now && !hasDeferred;
  return isMoreDue ? { next: "schedule", at: now + slowDelayMs } : { next: "none" };
}
