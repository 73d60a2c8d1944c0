import type { Breaker } from "./breaker.ts";

/**
 * An alert tells people of one thing by operational events: that a destination is failing, that the relay is healthy again. It
 * remembers what it has told, and the cron compares that with how things are. So a transition that came and went between two
 * runs is not told, and none is lost: what differs is told by the next run that can.
 */
export interface Alert {
  /** What the last event told, as a text by which the next one is judged; empty: that all is well, or nothing yet. */
  readonly told: string;
  /** What was found by the run before, where one run is not enough. */
  readonly seen: string;
  /** By when an event an hour makes up for those that were told, Unix milliseconds. */
  readonly pacedUntil: number;
}

export const newAlert: Alert = { told: "", seen: "", pacedUntil: 0 };

const MS_PER_EVENT = 3_600_000;

/**
 * The alert after it has told one more thing at `now`; null: too early. An alert tells one thing an hour. One of a state tells
 * two at once, the trouble and its end, so that the end need not wait, and pauses afterwards.
 */
export function paced(alert: Alert, told: string, now: number, atOnce: 1 | 2): Alert | null {
  if (alert.pacedUntil > now + (atOnce - 1) * MS_PER_EVENT) return null;
  return { ...alert, told, pacedUntil: Math.max(alert.pacedUntil, now) + MS_PER_EVENT };
}

/** Shorter trouble is none of which people should know, unless it opens the circuit. */
const FAILING_MS = 600_000;

/**
 * Since when a destination has been failing, if people should know; null otherwise. A destination of few events can fail for
 * hours before its circuit opens. A single failure is not enough: it says nothing of the time that followed.
 */
export function failingForLongSince(
  { consecutiveFailures, failingSince, circuitOpenedAt }: Breaker,
  now: number,
): number | null {
  if (failingSince === null) return null;
  const isLong = circuitOpenedAt !== null || (consecutiveFailures > 1 && now - failingSince >= FAILING_MS);
  return isLong ? failingSince : null;
}
