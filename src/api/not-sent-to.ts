import type { Delivery } from "../domain/delivery.ts";
import type { RelayEvent } from "../domain/event.ts";
import { whyNotRecipient } from "../domain/recipients.ts";
import { lazyJson } from "../platform/json.ts";
import type { ListedDestination } from "../store/destinations.ts";

/** It was created or changed after the event, or the event was sent to nobody by itself. */
export const MATCHES_NOW = "matches now: replay the event";

type Recorded = RelayEvent & { readonly isAwaitingFirstFanOut: boolean };

/**
 * The destinations without a delivery of an event, each with the reason by its present settings. Before the first fan-out a
 * destination that matches is about to get the event, and is not among them.
 */
export function notSentTo(
  event: Recorded,
  deliveries: readonly Pick<Delivery, "destinationId">[],
  destinations: readonly ListedDestination[],
): { readonly destinationId: string; readonly reason: string }[] {
  const content = lazyJson(event.body);
  const have = new Set(deliveries.map(({ destinationId }) => destinationId));
  return destinations.flatMap((destination) => {
    if (have.has(destination.id)) return [];
    const reason = whyNotRecipient(destination, event, content) ?? (event.isAwaitingFirstFanOut ? null : MATCHES_NOW);
    return reason === null ? [] : [{ destinationId: destination.id, reason }];
  });
}
