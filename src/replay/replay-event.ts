import type { DeliveryKey } from "../domain/delivery.ts";
import { isOwnEvent } from "../domain/own-event.ts";
import { isRecipient } from "../domain/recipients.ts";
import { lazyJson } from "../platform/json.ts";
import { batchOf } from "../store/batch.ts";
import type { Database } from "../store/database.ts";
import { deliveriesOfEvent, readDeliveryRow } from "../store/deliveries.ts";
import { enabledDestinations, findDestinations, readDestinationRow } from "../store/destinations.ts";
import { findEvent, readEventDetail } from "../store/event-list.ts";

interface Replayed {
  readonly deliveries: readonly DeliveryKey[];
  /**
   * They are sent even if the destination does not match, then or later. Not what its own token asks for while it matches: an
   * operator who narrows it takes that from it.
   */
  readonly isNamed: boolean;
}

const none: Replayed = { deliveries: [], isNamed: false };

/**
 * The deliveries that a replay of an event makes, or why there can be none. A named destination gets the event even if it has
 * it already. Otherwise all get it that match and do not have it. An event that awaits its first fan-out needs no replay, and
 * cannot be replayed to a destination that does not match. With `isOwnOnly` the named destination gets only its own events (src/domain/own-event.ts).
 */
export async function findReplayed(
  db: Database,
  eventId: string,
  named: string | undefined,
  { isOwnOnly }: { readonly isOwnOnly: boolean },
): Promise<Replayed | "unknown_event" | "unknown_destination" | "not_its_own" | "too_early"> {
  const found = await batchOf(db, {
    event: findEvent(db, eventId),
    deliveries: deliveriesOfEvent(db, eventId),
    destinations: enabledDestinations(db),
  });
  const [row] = found.event.rows;
  if (row === undefined) return isOwnOnly ? "not_its_own" : "unknown_event";
  const event = readEventDetail(row);
  const deliveries = found.deliveries.rows.map(readDeliveryRow);
  const content = lazyJson(event.body);
  const toKey = (destinationId: string) => ({ destinationId, eventId, receivedAt: event.receivedAt });
  if (named !== undefined) {
    const [destination] = await findDestinations(db, [named]);
    if (destination === undefined) return "unknown_destination";
    if (isOwnOnly && !isOwnEvent(destination, event, content, deliveries)) return "not_its_own";
    if (!event.isAwaitingFirstFanOut) {
      const isForIt = isRecipient({ ...destination, enabled: true }, event, content);
      return { deliveries: [toKey(named)], isNamed: !isOwnOnly || !isForIt };
    }
    return isRecipient(destination, event, content) ? none : "too_early";
  }
  if (event.isAwaitingFirstFanOut) return none;
  const delivered = deliveries.filter(({ status }) => status === "delivered");
  const have = new Set(delivered.map(({ destinationId }) => destinationId));
  const lacking = found.destinations.rows
    .map(readDestinationRow)
    .filter((one) => isRecipient(one, event, content) && !have.has(one.id))
    .map(({ id }) => toKey(id));
  return { deliveries: lacking, isNamed: false };
}
