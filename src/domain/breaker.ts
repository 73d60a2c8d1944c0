import type { Attempt } from "./delivery.ts";

/**
 * A destination's circuit breaker. While it is open the destination rests: its deliveries wait, and from time to time a
 * single one that is due is attempted as a probe. It half-opens for ever, and one success closes it.
 */
export interface Breaker {
  readonly consecutiveFailures: number;
  /** How many of the latest failures in a row were time-outs. */
  readonly consecutiveTimeouts: number;
  /** First failure of the present run, Unix milliseconds; null when the latest attempt succeeded. */
  readonly failingSince: number | null;
  /** When it opened, Unix milliseconds; null while it is closed. */
  readonly circuitOpenedAt: number | null;
  /** Probes that have failed since it opened. */
  readonly failedProbes: number;
}

/** What becomes of a breaker; absent fields stay. `nextDrainAt`: when the next probe may be made, Unix milliseconds. */
export interface BreakerChange {
  readonly circuitOpenedAt: number | null;
  readonly failedProbes: number;
  readonly nextDrainAt: number;
}

/**
 * A run opens it that is long both in number and in time: until then the schedules go on as they say, for a destination that restarts
 * or gives up quickly by its own choice. Time-outs open it sooner: they cost connections.
 */
const OPENS_AFTER = { failures: 10, failingMs: 60_000, timeouts: 5, timingOutMs: 20_000 };

/** Waits before the first, second, … probe; then always the last one. So a destination that is back is found within a minute. */
const REST_SECONDS = [5, 10, 20, 40, 60] as const;
const LONGEST_REST_SECONDS = 60;

/** A destination may itself ask for a longer rest (`Retry-After`). */
const LONGEST_ASKED_SECONDS = 86_400;

/** Spreads the probes of destinations that failed together. */
const JITTER = 0.1;

/**
 * Decides what some attempts mean for a breaker in which they are already counted; null: nothing. `failedProbe` is the
 * probe among them, if it failed. `random` is in [0, 1).
 */
export function judgeBreaker(
  breaker: Breaker,
  failedProbe: Pick<Attempt, "retryAfterSeconds"> | null,
  { now, random, maxPerSecond }: { now: number; random: number; maxPerSecond: number | null },
): BreakerChange | null {
  if (breaker.circuitOpenedAt === null) {
    if (!isWornOut(breaker, now)) return null;
    return { circuitOpenedAt: now, failedProbes: 0, nextDrainAt: now + restMs(0, null, random) };
  }
  if (breaker.consecutiveFailures === 0) {
    return { circuitOpenedAt: null, failedProbes: 0, nextDrainAt: now + gapAfterProbeMs(maxPerSecond) };
  }
  if (failedProbe === null) return null;
  const failedProbes = breaker.failedProbes + 1;
  return {
    circuitOpenedAt: breaker.circuitOpenedAt,
    failedProbes,
    nextDrainAt: now + restMs(failedProbes, failedProbe.retryAfterSeconds, random),
  };
}

/** The probe counts where there is a limit. */
function gapAfterProbeMs(maxPerSecond: number | null): number {
  return maxPerSecond === null ? 0 : Math.ceil(Math.max(1, 1 / maxPerSecond) * 1000);
}

function isWornOut({ consecutiveFailures, consecutiveTimeouts, failingSince }: Breaker, now: number): boolean {
  if (failingSince === null) return false;
  const failingMs = now - failingSince;
  return (
    (consecutiveFailures >= OPENS_AFTER.failures && failingMs >= OPENS_AFTER.failingMs) ||
    (consecutiveTimeouts >= OPENS_AFTER.timeouts && failingMs >= OPENS_AFTER.timingOutMs)
  );
}

function restMs(failedProbes: number, askedSeconds: number | null, random: number): number {
  const seconds = (REST_SECONDS[failedProbes] ?? LONGEST_REST_SECONDS) * (1 + JITTER * random);
  return Math.ceil(Math.max(seconds, Math.min(askedSeconds ?? 0, LONGEST_ASKED_SECONDS)) * 1000);
}
