import type { Attempt, DeliveryStatus } from "./delivery.ts";

/** Seconds to wait after the first, second, … failed attempt. */
export const defaultRetryScheduleSeconds: readonly number[] = [
  5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
];

/** Also the longest delay a queue message may have. */
const MAX_DELAY_SECONDS = 86_400;

/** Spreads the deliveries that failed together. */
const JITTER = 0.1;

/** What follows an attempt: the delivery's status and, while it is pending, the wait before the next one. */
export type NextStep =
  | { readonly status: Exclude<DeliveryStatus, "pending"> }
  | { readonly status: "pending"; readonly delaySeconds: number };

/**
 * Decides what follows an attempt; `step` is the number of the schedule's waits that are used up. A `Retry-After` can
 * lengthen a wait, never shorten it. Waits are whole seconds, as a queue's delays are. `random` is in [0, 1).
 */
export function nextStep(
  { outcome, retryAfterSeconds }: Pick<Attempt, "outcome" | "retryAfterSeconds">,
  { step, schedule, random }: { step: number; schedule: readonly number[] | null; random: number },
): NextStep {
  if (outcome === "delivered") return { status: "delivered" };
  if (outcome === "gone") return { status: "dead" };
  const waitSeconds = (schedule ?? defaultRetryScheduleSeconds)[step];
  if (waitSeconds === undefined) return { status: "dead" };
  const spread = Math.round(waitSeconds * (1 + JITTER * random));
  return {
    status: "pending",
    delaySeconds: Math.min(Math.max(spread, Math.ceil(retryAfterSeconds ?? 0)), MAX_DELAY_SECONDS),
  };
}

/** A resting destination holds its deliveries at least this long, however short its retry schedule; so does one that comes and goes. */
export const SHORTEST_HOLD_SECONDS = 3 * 86_400;

/** How long a resting destination holds a delivery before that ends as dead: as long as its retry schedule would have taken. */
export function holdSeconds(schedule: readonly number[] | null): number {
  const scheduleSeconds = (schedule ?? defaultRetryScheduleSeconds).reduce((sum, seconds) => sum + seconds, 0);
  return Math.max(scheduleSeconds, SHORTEST_HOLD_SECONDS);
}
