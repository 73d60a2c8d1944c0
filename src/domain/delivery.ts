/** Names a delivery: this event to this destination. The event's time is part of the stored key. */
export interface DeliveryKey {
  readonly destinationId: string;
  readonly eventId: string;
  /** Of the event, Unix milliseconds. */
  readonly receivedAt: number;
}

export type DeliveryStatus = "pending" | "delivered" | "dead";

export interface Delivery extends DeliveryKey {
  readonly status: DeliveryStatus;
  /** The latest ones, oldest first. */
  readonly attempts: readonly Attempt[];
  /** Waits of the retry schedule that are used up. */
  readonly step: number;
  /** Unix milliseconds; null unless pending. */
  readonly nextAttemptAt: number | null;
}

/**
 * `delivered`: any 2xx. `gone`: 410, the destination wants no more. `redirected`: 3xx, never followed. `rejected`: any other
 * answer. `timed_out`, `unreachable`: no answer. `refused`: a URL that must not be called, a secret that no key
 * opens, or another reason of the relay's own not to make the request. No attempt but the end of a pending delivery are
 * `filtered`, its destination no longer wants the event, and `removed`, its destination was removed.
 */
export const attemptOutcomes = [
  "delivered",
  "gone",
  "redirected",
  "rejected",
  "timed_out",
  "unreachable",
  "refused",
  "filtered",
  "removed",
] as const;

export type Outcome = (typeof attemptOutcomes)[number];

/** One request to a destination, and what came of it; or why none will be made any more. */
export interface Attempt {
  /** 1-based. Where no request was made, that of the one before; 0 when there was none. */
  readonly attempt: number;
  /** Start, Unix milliseconds. */
  readonly at: number;
  readonly outcome: Outcome;
  /** HTTP status; null without an answer. */
  readonly status: number | null;
  readonly durationMs: number;
  /** The answer's first characters; null without an answer. */
  readonly responseExcerpt: string | null;
  /** What the answer's `Retry-After` asked for, in seconds. */
  readonly retryAfterSeconds: number | null;
}

/** Whether an entry stands for a request, and not for the end of a delivery without one. */
export function isAttempt({ outcome }: { readonly outcome: string }): boolean {
  return outcome !== "filtered" && outcome !== "removed";
}

/** The number of the attempt that comes next, 1-based: replays count on. */
export function nextAttemptNumber({ attempts }: Pick<Delivery, "attempts">): number {
  return (attempts.at(-1)?.attempt ?? 0) + 1;
}

/** How many deliveries stand how, for a log line. */
export function countByStatus(deliveries: readonly Delivery[]): Record<DeliveryStatus, number> {
  const counts = { pending: 0, delivered: 0, dead: 0 };
  for (const { status } of deliveries) counts[status] += 1;
  return counts;
}

export function classify(status: number): Outcome {
  if (status >= 200 && status < 300) return "delivered";
  if (status >= 300 && status < 400) return "redirected";
  return status === 410 ? "gone" : "rejected";
}
