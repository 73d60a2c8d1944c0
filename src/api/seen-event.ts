import type { Delivery } from "../domain/delivery.ts";
import { isOwnEvent } from "../domain/own-event.ts";
import { lazyJson } from "../platform/json.ts";
import { readDeliveryRow } from "../store/deliveries.ts";
import { findDestinations } from "../store/destinations.ts";
import { readEventDetail } from "../store/event-list.ts";
import { notItsOwn, ownDestinationOf } from "./destination-access.ts";
import { type ActionContext, existing } from "./requests.ts";

interface EventRows {
  /** Undefined: there is no such event. */
  readonly event: unknown;
  readonly deliveries: readonly unknown[];
}

interface SeenEvent {
  readonly event: ReturnType<typeof readEventDetail>;
  readonly deliveries: readonly Delivery[];
}

/**
 * An event as its caller sees it. The token of a destination sees an event that is its own and was dispatched to it, with its own
 * delivery and the state which that tells. Throws for every other.
 */
export async function readSeenEvent(c: ActionContext, rows: EventRows): Promise<SeenEvent> {
  const deliveries = rows.deliveries.map(readDeliveryRow);
  const own = ownDestinationOf(c);
  if (own === null) return { event: readEventDetail(existing(rows.event, "event")), deliveries };
  const ofIt = deliveries.filter(({ destinationId }) => destinationId === own);
  const [destination] = await findDestinations(c.env.DB, [own]);
  if (rows.event === undefined || ofIt.length === 0 || destination === undefined) throw notItsOwn();
  const event = readEventDetail(rows.event);
  if (!isOwnEvent(destination, event, lazyJson(event.body), ofIt)) throw notItsOwn();
  const isPending = ofIt.some(({ status }) => status === "pending");
  return { event: { ...event, state: isPending ? "pending" : "settled" }, deliveries: ofIt };
}
