import type { Attempt, DeliveryStatus } from "./delivery.ts";
import { MAX_DELAY_SECONDS } from "./retry-after.ts";

/** Seconds to wait after the first, second, … failed attempt. */
export const defaultRetryScheduleSeconds: readonly number[] = [
  5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
];

/** The greatest random addition to a delay, as a part of it: it spreads what failed together. */
export const JITTER = 0.1;

/** What follows an attempt: the delivery's status and, while it is pending, the delay of the next attempt. */
export type NextStep =
  | { readonly status: Exclude<DeliveryStatus, "pending"> }
  | { readonly status: "pending"; readonly delaySeconds: number };

/**
 * Decides what follows an attempt; `step` is the number of the schedule's steps that are used up. A `Retry-After` can
 * lengthen a delay, never shorten it. Delays are whole seconds, as those of a queue. `random` is in [0, 1).
 */
export function nextStep(
  { outcome, retryAfterSeconds }: Pick<Attempt, "outcome" | "retryAfterSeconds">,
  { step, schedule, random }: { step: number; schedule: readonly number[] | null; random: number },
): NextStep {
  if (outcome === "delivered") return { status: "delivered" };
  if (outcome === "gone") return { status: "dead" };
  const waitSeconds = (schedule ?? defaultRetryScheduleSeconds)[step];
  if (waitSeconds === undefined) return { status: "dead" };
  // Rounded: a step of 5 s stays 5 s.
  const spread = Math.round(waitSeconds * (1 + JITTER * random));
  return {
    status: "pending",
    delaySeconds: Math.min(Math.max(spread, Math.ceil(retryAfterSeconds ?? 0)), MAX_DELAY_SECONDS),
  };
}

/** Also of a destination with a short retry schedule, and of one whose circuit opens and closes again and again. */
export const MIN_LIFETIME_SECONDS = 3 * 86_400;

/** How long a delivery stays pending behind an open circuit, before it ends as dead: as long as its retry schedule takes. */
export function lifetimeSeconds(schedule: readonly number[] | null): number {
  const scheduleSeconds = (schedule ?? defaultRetryScheduleSeconds).reduce((sum, seconds) => sum + seconds, 0);
  return Math.max(scheduleSeconds, MIN_LIFETIME_SECONDS);
}
