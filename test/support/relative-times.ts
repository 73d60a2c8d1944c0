const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** From this age on the day is shown. */
export const DAY_SHOWN_FROM_MS = 30 * DAY_MS;

/**
 * What a page says of an age in milliseconds; a negative one is in the future. The server and live.js are both tested with it.
 */
export const relativeTimes: readonly (readonly [ageMs: number, words: string])[] = [
  [0, "just now"],
  [999, "just now"],
  [-999, "just now"],
  [1_000, "1 s ago"],
  [MINUTE_MS - 1_000, "59 s ago"],
  [MINUTE_MS - 501, "59 s ago"],
  [MINUTE_MS - 500, "1 min ago"],
  [MINUTE_MS, "1 min ago"],
  [66_000, "1 min ago"],
  [-66_000, "in 1 min"],
  [2 * MINUTE_MS - 1, "2 min ago"],
  [2 * MINUTE_MS, "2 min ago"],
  [3 * MINUTE_MS, "3 min ago"],
  [-3 * MINUTE_MS, "in 3 min"],
  [2 * HOUR_MS - 1, "120 min ago"],
  [2 * HOUR_MS, "2 h ago"],
  [-2 * HOUR_MS, "in 2 h"],
  [2 * DAY_MS - 1, "48 h ago"],
  [2 * DAY_MS, "2 days ago"],
  [DAY_SHOWN_FROM_MS - 1, "30 days ago"],
  [1 - DAY_SHOWN_FROM_MS, "in 30 days"],
];
