import type { Outage } from "./outages.ts";

/** A delivery in time, Unix milliseconds. */
export interface Passage {
  readonly acknowledgedAt: number;
  readonly arrivedAt: number;
}

/** An event that was acknowledged this long before a kill may have been lost from memory, and so be late. */
const BEFORE_A_KILL_MS = 5_000;

/** Passages without an outage. */
export function undisturbed(passages: readonly Passage[], outages: readonly Outage[]): Passage[] {
  return passages.filter(
    ({ acknowledgedAt }) =>
      !outages.some(({ from, until }) => acknowledgedAt >= from - BEFORE_A_KILL_MS && acknowledgedAt <= until),
  );
}

/** Median, 99th percentile and greatest, in words; arrivals before the acknowledgement count as 0. */
export function describeTimes(timesMs: readonly number[]): string {
  if (timesMs.length === 0) return "none";
  const inOrder = timesMs.map((time) => Math.max(0, time)).toSorted((one, other) => one - other);
  const rank = (part: number) => inOrder[Math.min(inOrder.length - 1, Math.floor(part * inOrder.length))] ?? 0;
  return `p50 ${rank(0.5)} ms, p99 ${rank(0.99)} ms, max ${rank(1)} ms (${inOrder.length})`;
}
