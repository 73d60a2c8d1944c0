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
  /** Steps of the retry schedule that are used up. */
  readonly step: number;
  /** When it is due; while it is claimed, the end of that lease. Unix milliseconds; null unless pending. */
  readonly nextAttemptAt: number | null;
}

/**
 * Outcomes of attempts. `filtered` and `removed` are not attempts: such an entry records why a delivery ended.
 *
 *   delivered               any 2xx
 *   gone                    410: the destination is disabled
 *   redirected              3xx, never followed
 *   rejected                any other answer
 *   timed_out, unreachable  no answer
 *   refused                 the relay must not make this request, or cannot: its URL, its secret
 *
 *   filtered                the event no longer matches the destination
 *   removed                 the destination was removed
 *
 * A delivery that expires behind an open circuit ends without an entry.
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

/** One request to a destination and its outcome, or an entry that records why the delivery ended. */
export interface Attempt {
  /** 1-based. `filtered` and `removed` have the number of the attempt before, or 0. */
  readonly attempt: number;
  /** Start, Unix milliseconds. */
  readonly at: number;
  readonly outcome: Outcome;
  /** HTTP status; null without an answer. */
  readonly status: number | null;
  readonly durationMs: number;
  /** The beginning of the answer, or why none came. Null for a timeout. */
  readonly responseExcerpt: string | null;
  /** What the answer's `Retry-After` asked for, in seconds. */
  readonly retryAfterSeconds: number | null;
}

/** Whether an entry is no attempt, but records why the delivery ended. */
export function isEndedWithoutAttempt({ outcome }: { readonly outcome: string }): boolean {
  return outcome === "filtered" || outcome === "removed";
}

/** The number of the attempt that comes next, 1-based: replays count on. */
export function nextAttemptNumber({ attempts }: Pick<Delivery, "attempts">): number {
  return (attempts.at(-1)?.attempt ?? 0) + 1;
}

/** Deliveries by status, for a log line. */
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
