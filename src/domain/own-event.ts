import { type Delivery, isEndedWithoutAttempt } from "./delivery.ts";
import { isRecipient } from "./recipients.ts";

/**
 * Whether an event is a destination's own, which its token shows and replays: it matches, or the destination was sent it. One that
 * ended as dead unsent and does not match any more is not: an operator has taken such events from the destination.
 */
export function isOwnEvent(
  destination: Parameters<typeof isRecipient>[0],
  event: Parameters<typeof isRecipient>[1],
  content: () => unknown,
  deliveries: readonly Delivery[],
): boolean {
  return (
    isRecipient({ ...destination, enabled: true }, event, content) ||
    deliveries.some((delivery) => delivery.destinationId === destination.id && wasSent(delivery))
  );
}

/** A pending delivery counts, for narrowing a destination ends those that no longer match. */
function wasSent({ status, attempts }: Delivery): boolean {
  const last = attempts.at(-1);
  return status !== "dead" || (last !== undefined && !isEndedWithoutAttempt(last));
}
