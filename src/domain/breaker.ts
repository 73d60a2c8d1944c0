import type { Attempt } from "./delivery.ts";
import { MAX_DELAY_SECONDS } from "./retry-after.ts";
import { JITTER } from "./retry-schedule.ts";

/**
 * A destination's circuit breaker. While its circuit is open, deliveries wait, and from time to time one that is due is
 * attempted as a probe. Probes go on as long as a delivery is due, and the first success closes the circuit.
 */
export interface Breaker {
  readonly consecutiveFailures: number;
  /** How many of the latest failures in a row were timeouts. */
  readonly consecutiveTimeouts: number;
  /** First failure of the present run, Unix milliseconds; null when the latest attempt succeeded. */
  readonly failingSince: number | null;
  /** When the circuit opened, Unix milliseconds; null while it is closed. */
  readonly circuitOpenedAt: number | null;
  /** Probes that have failed since. */
  readonly failedProbes: number;
}

export const newBreaker: Breaker = {
  consecutiveFailures: 0,
  consecutiveTimeouts: 0,
  failingSince: null,
  circuitOpenedAt: null,
  failedProbes: 0,
};

/**
 * A breaker after one more attempt. `recordHealthSql` in src/store/destination-health.ts adds several at once to a row, and
 * test/worker/store/breaker-counts.property.test.ts compares the two.
 */
export function countAttempt(breaker: Breaker, { outcome, at }: Pick<Attempt, "outcome" | "at">): Breaker {
  if (outcome === "delivered") {
    return { ...breaker, consecutiveFailures: 0, consecutiveTimeouts: 0, failingSince: null };
  }
  return {
    ...breaker,
    consecutiveFailures: breaker.consecutiveFailures + 1,
    consecutiveTimeouts: outcome === "timed_out" ? breaker.consecutiveTimeouts + 1 : 0,
    failingSince: breaker.failingSince ?? at,
  };
}

/** The change of a circuit. `nextDrainAt`: when the next drain may begin, Unix milliseconds. */
export interface CircuitChange {
  readonly circuitOpenedAt: number | null;
  readonly failedProbes: number;
  readonly nextDrainAt: number;
}

/**
 * A circuit opens after a run of failures that is long both in number and in time: a destination that restarts, or whose
 * retry schedule is short by choice, stays on its schedule. Timeouts open it sooner, because they cost connections.
 */
const OPENS_AFTER = { failures: 10, failingMs: 60_000, timeouts: 5, timingOutMs: 20_000 };

/** Delays of the first probes. */
const PROBE_DELAY_SECONDS = [5, 10, 20, 40];

/**
 * Delay of every later probe, as long as a delivery is due: a destination that is back is found after a minute or so, unless
 * its `Retry-After` asks for more.
 */
const MAX_PROBE_DELAY_SECONDS = 60;

/**
 * Decides what some attempts, which the breaker has already counted, change; null: nothing. `failedProbe` is the probe among
 * them, if it failed. `random` is in [0, 1).
 */
export function judgeCircuit(
  breaker: Breaker,
  failedProbe: Pick<Attempt, "retryAfterSeconds"> | null,
  { now, random, maxPerSecond }: { now: number; random: number; maxPerSecond: number | null },
): CircuitChange | null {
  if (breaker.circuitOpenedAt === null) {
    if (!hasFailedTooLong(breaker, now)) return null;
    return { circuitOpenedAt: now, failedProbes: 0, nextDrainAt: now + probeDelayMs(0, null, random) };
  }
  if (breaker.consecutiveFailures === 0) {
    return { circuitOpenedAt: null, failedProbes: 0, nextDrainAt: now + gapAfterProbeMs(maxPerSecond) };
  }
  if (failedProbe === null) return null;
  const failedProbes = breaker.failedProbes + 1;
  return {
    circuitOpenedAt: breaker.circuitOpenedAt,
    failedProbes,
    nextDrainAt: now + probeDelayMs(failedProbes, failedProbe.retryAfterSeconds, random),
  };
}

/** With a `max_per_second` the probe counts as a request of its second. */
function gapAfterProbeMs(maxPerSecond: number | null): number {
  return maxPerSecond === null ? 0 : Math.ceil(Math.max(1, 1 / maxPerSecond) * 1000);
}

function hasFailedTooLong({ consecutiveFailures, consecutiveTimeouts, failingSince }: Breaker, now: number): boolean {
  if (failingSince === null) return false;
  const failingMs = now - failingSince;
  return (
    (consecutiveFailures >= OPENS_AFTER.failures && failingMs >= OPENS_AFTER.failingMs) ||
    (consecutiveTimeouts >= OPENS_AFTER.timeouts && failingMs >= OPENS_AFTER.timingOutMs)
  );
}

function probeDelayMs(failedProbes: number, askedSeconds: number | null, random: number): number {
  const seconds = (PROBE_DELAY_SECONDS[failedProbes] ?? MAX_PROBE_DELAY_SECONDS) * (1 + JITTER * random);
  return Math.ceil(Math.max(seconds, Math.min(askedSeconds ?? 0, MAX_DELAY_SECONDS)) * 1000);
}
