import type { Attempt, DeliveryStatus } from "./delivery.ts";

/** Seconds to wait after the first, second, … failed attempt. */
const defaultRetryScheduleSeconds: readonly number[] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/** Also the longest delay a queue message may have. */
const MAX_DELAY_SECONDS = 86_400;

/** Spreads the deliveries that failed together. */
const JITTER = 0.1;

/** What follows an attempt: the delivery's status and, while it is pending, the wait before the next one. */
export type NextStep =
  | { readonly status: Exclude<DeliveryStatus, "pending"> }
  | { readonly status: "pending"; readonly delaySeconds: number };

/**
 * Decides what follows an attempt. `random` is in [0, 1). A `Retry-After` can lengthen a wait, never shorten it. Waits are
 * whole seconds, as a queue's delays are.
 */
export function nextStep(
  attempt: Pick<Attempt, "attempt" | "outcome" | "retryAfterSeconds">,
  schedule: readonly number[] | null,
  random: number,
): NextStep {
  if (attempt.outcome === "delivered") return { status: "delivered" };
  if (attempt.outcome === "gone") return { status: "dead" };
  const waitSeconds = (schedule ?? defaultRetryScheduleSeconds)[attempt.attempt - 1];
  if (waitSeconds === undefined) return { status: "dead" };
  const spread = Math.round(waitSeconds * (1 + JITTER * random));
  return {
    status: "pending",
    delaySeconds: Math.min(Math.max(spread, Math.ceil(attempt.retryAfterSeconds ?? 0)), MAX_DELAY_SECONDS),
  };
}

/** Reads `Retry-After` in both its forms, seconds and HTTP date (RFC 9110, 10.2.3), as seconds from `nowMs`. */
export function parseRetryAfter(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  const text = header.trim();
  if (/^\d+$/.test(text)) return Number(text);
  const at = /^[A-Za-z]{3}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, (at - nowMs) / 1000);
}
