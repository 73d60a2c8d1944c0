import type { Attempt } from "./delivery.ts";
import type { RelayEvent } from "./event.ts";
import type { Filter } from "./filter.ts";
import type { Format } from "./format.ts";
import { isOnHold } from "./hold.ts";
import { isOperationalType } from "./operational-event.ts";

/** A destination: its options, its secrets and its health. */
export interface Destination {
  readonly id: string;
  readonly url: string;
  readonly description: string | null;
  /** Exact types, or prefixes that end in `*`; empty: all of Qonto's. */
  readonly types: readonly string[];
  /** Organization ids; null: all, and events of no organization. */
  readonly organizations: readonly string[] | null;
  /** On the event's body; null: none. */
  readonly filter: Filter | null;
  readonly enabled: boolean;
  /** Waits between attempts; null: the default retry schedule. */
  readonly retryScheduleSeconds: readonly number[] | null;
  readonly timeoutMs: number;
  readonly maxPerSecond: number | null;
  readonly format: Format;
  /** Mustache over the event; null unless `format` is `template`. */
  readonly template: string | null;
  /** The relay's own origin, to which messages link; null: not known. */
  readonly relayUrl: string | null;
  /** Names of its own request headers, in lower case. */
  readonly headerNames: readonly string[];
  /** These headers, encrypted; null: none. */
  readonly encryptedHeaders: string | null;
  /** The key of everything sent to this destination, encrypted. */
  readonly encryptedSecret: string;
  /** Secrets that are being rotated out: they sign as well, each until a time in Unix milliseconds. */
  readonly previousSecrets: readonly { readonly encrypted: string; readonly until: number }[];
  /** Its last answer was slow or timed out, or it keeps failing. One of the reasons for which it is left to the drains. */
  readonly isIsolated: boolean;
  /** Its latest attempt failed. */
  readonly isFailing: boolean;
  /** Some attempt has succeeded. The first success shows only after the cron has noted it. */
  readonly hasSucceeded: boolean;
  /** Since when its circuit is open, Unix milliseconds; null while it is closed. */
  readonly circuitOpenedAt: number | null;
  /**
   * When its next drain may begin, Unix milliseconds; null: at any time. It is the end of an exclusive drain's lease, the time
   * of the next probe, the end of the gap after a paced or recovering drain, or the time at which the circuit closed.
   */
  readonly nextDrainAt: number | null;
  /** End of its hold (src/domain/hold.ts), Unix milliseconds. Null again when what waited has gone out, or a while after its end. */
  readonly heldUntil: number | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/**
/** What of an event decides for whom it is, beside its content. */
export type Addressed = Pick<RelayEvent, "type" | "organizationId"> & Partial<Pick<RelayEvent, "resourceId">>;

/**
 * Whether an event matches a destination by type and organization; its filter decides last (recipients.ts). `matchesSql` in
 * src/store/matches.ts says the same in SQL, and test/worker/store/matches.test.ts compares the two.
 */
export function matches(
  destination: Pick<Destination, "id" | "enabled" | "types" | "organizations">,
  event: Addressed,
): boolean {
  return (
    destination.enabled &&
    !isAbout(destination, event) &&
    matchesType(destination, event) &&
    matchesOrganization(destination, event)
  );
}

/** An operational event matches by a pattern of operational types alone. */
export function matchesType({ types }: Pick<Destination, "types">, { type }: Pick<RelayEvent, "type">): boolean {
  const isOperational = isOperationalType(type);
  const patterns = isOperational ? types.filter(isOperationalType) : types;
  return (types.length === 0 && !isOperational) || patterns.some((pattern) => matchesPattern(pattern, type));
}

/** An operational event of no organization matches whatever the organizations. */
export function matchesOrganization(
  { organizations }: Pick<Destination, "organizations">,
  { type, organizationId }: Addressed,
): boolean {
  if (organizations === null) return true;
  return organizationId === null ? isOperationalType(type) : organizations.includes(organizationId);
}

/**
 * An operational event about a destination is for the others: its own failure would reach it late, or make another failure to
 * tell of.
 */
export function isAbout({ id }: Pick<Destination, "id">, { resourceId }: Addressed): boolean {
  return resourceId === id;
}

function matchesPattern(pattern: string, type: string): boolean {
  return pattern.endsWith("*") ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}

/** The longest attempt that may run in the background: the platform allows 30 s there, the write included. */
export const MAX_BACKGROUND_ATTEMPT_MS = 20_000;

/** Whether fan-out leaves even the first attempt to the drains. */
export function isLeftToDrains(destination: Destination, now: number): boolean {
  const { isIsolated, circuitOpenedAt, maxPerSecond, timeoutMs } = destination;
  return (
    isIsolated ||
    circuitOpenedAt !== null ||
    isOnHold(destination, now) ||
    maxPerSecond !== null ||
    timeoutMs > MAX_BACKGROUND_ATTEMPT_MS
  );
}

/** A slower answer is too slow for the fan-out, where other deliveries wait behind it. */
const SLOW_MS = 1_000;

/** Whether an attempt is slow, which isolates its destination. */
export function isSlow({ outcome, durationMs }: Pick<Attempt, "outcome" | "durationMs">): boolean {
  return outcome === "timed_out" || durationMs > SLOW_MS;
}

/** A destination that fails slowly is left alone for so long; one that succeeds slowly gets more at once. */
const SLOW_FAILURE_DELAY_MS = 1_000;

/** Delay of the next drain of a destination that has just let attempts run late. */
export function slowDelayMs({ isFailing }: Pick<Destination, "isFailing">): number {
  return isFailing ? SLOW_FAILURE_DELAY_MS : 0;
}

/** A few quick failures delay nobody, and the next attempt may well succeed: an isolated delivery costs two rows more. */
const TOLERATED_FAILURES = 2;

/** Whether so many failures in a row isolate a destination. */
export function keepsFailing(consecutiveFailures: number): boolean {
  return consecutiveFailures > TOLERATED_FAILURES;
}
