import type { Attempt } from "./delivery.ts";
import type { RelayEvent } from "./event.ts";

/** A destination's endpoint and what it asked for. */
export interface Destination {
  readonly id: string;
  readonly url: string;
  readonly description: string | null;
  /** Exact types, or prefixes that end in `*`; empty: all. */
  readonly types: readonly string[];
  /** Organization ids; null: all, and events of no organization. */
  readonly organizations: readonly string[] | null;
  readonly enabled: boolean;
  /** Waits between attempts; null: the default retry schedule. */
  readonly retryScheduleSeconds: readonly number[] | null;
  readonly timeoutMs: number;
  readonly maxPerSecond: number | null;
  /** The key of everything sent to this destination, encrypted. */
  readonly encryptedSecret: string;
  /** Secrets that are being rotated out: they sign as well, each until a time in Unix milliseconds. */
  readonly previousSecrets: readonly { readonly encrypted: string; readonly until: number }[];
  /**
   * Served by the retries from the first attempt on, where it holds nobody up: its last answer was slow or did not
   * come, or it keeps failing.
   */
  readonly isIsolated: boolean;
  /** Its latest attempt failed. */
  readonly isFailing: boolean;
  /** Some attempt has succeeded; the first success counts once the cron has noted it. */
  readonly hasSucceeded: boolean;
  /** Since when its circuit breaker is open, Unix milliseconds; null while that is closed. */
  readonly circuitOpenedAt: number | null;
  /** Until then the retries leaves it alone, Unix milliseconds; null: it may come at any time. */
  readonly nextDrainAt: number | null;
  /** It asked for less: until then nothing is attempted. Unix milliseconds; null once nothing waits any more, or with an attempt a minute after its end. */
  readonly heldUntil: number | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Whether a destination is to get an event. */
export function wants(
  destination: Pick<Destination, "enabled" | "types" | "organizations">,
  event: Pick<RelayEvent, "type" | "organizationId">,
): boolean {
  return (
    destination.enabled && wantsType(destination, event.type) && wantsOrganization(destination, event.organizationId)
  );
}

/**
 * Longest attempt that may go on behind the batch in which it was begun: the platform grants 30 s, the write included.
 */
export const LONGEST_UNATTENDED_MS = 20_000;

/** Whether even first attempts are for the retries. */
export function isIsolatedFromStart(destination: Destination, now: number): boolean {
  const { isIsolated, circuitOpenedAt, heldUntil, maxPerSecond, timeoutMs } = destination;
  const isHeld = heldUntil !== null && now < heldUntil;
  return isIsolated || circuitOpenedAt !== null || isHeld || maxPerSecond !== null || timeoutMs > LONGEST_UNATTENDED_MS;
}

/** An answer that takes longer is too slow for the fan-out, where others wait behind it. */
const SLOW_MS = 1_000;

/** Whether an attempt that went so puts its destination on the lane, or leaves it there. */
export function isSlow({ outcome, durationMs }: Pick<Attempt, "outcome" | "durationMs">): boolean {
  return outcome === "timed_out" || durationMs > SLOW_MS;
}

/** A quick failure holds nobody up, and what comes next may well be taken: left to the lane it would cost two rows more. */
const PASSING_FAILURES = 2;

/** Whether so many failures in a row put a destination on the lane. */
export function keepsFailing(consecutiveFailures: number): boolean {
  return consecutiveFailures > PASSING_FAILURES;
}

function wantsType({ types }: Pick<Destination, "types">, type: string): boolean {
  return types.length === 0 || types.some((pattern) => matches(pattern, type));
}

function matches(pattern: string, type: string): boolean {
  return pattern.endsWith("*") ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}

function wantsOrganization(
  { organizations }: Pick<Destination, "organizations">,
  organizationId: string | null,
): boolean {
  return organizations === null || (organizationId !== null && organizations.includes(organizationId));
}
