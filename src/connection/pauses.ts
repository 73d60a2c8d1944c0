const MS_PER_MINUTE = 60_000;

/** Qonto's longest limit counts requests of an hour. A broken proxy may ask for years. */
const LONGEST_ASKED_MS = 60 * MS_PER_MINUTE;

/** Behind the end of a schedule of pauses. */
const LONGEST_MINUTES = 15;

/** How long Qonto is left alone after a failure: as the schedule says, and never less than its `Retry-After`, up to an hour. */
export function pauseMs(minutes: number | undefined, retryAfterSeconds: number | null): number {
  return Math.max(
    (minutes ?? LONGEST_MINUTES) * MS_PER_MINUTE,
    Math.min(1000 * (retryAfterSeconds ?? 0), LONGEST_ASKED_MS),
  );
}
