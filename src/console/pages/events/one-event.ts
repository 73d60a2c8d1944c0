import type { Database } from "../../../store/database.ts";
import { MATCHES_NOW, notSentTo } from "../../../api/not-sent-to.ts";
import { refuse } from "../../../api/refusals.ts";
import { deliveriesOfEvent, readDeliveryRow } from "../../../store/deliveries.ts";
import { findJourney, readJourney, findEvent, readEventDetail } from "../../../store/event-list.ts";
import type { EventOutcome } from "../../../store/event-progress.ts";
import { readListedDestination, destinationList } from "../../../store/destinations.ts";

/** Everything about one event, in one D1 call. */
export async function findOne(db: Database, id: string) {
  const [events, journeys, deliveryRows, destinationRows] = await db.batch([
    findEvent(db, id),
    findJourney(db, id),
    deliveriesOfEvent(db, id),
    destinationList(db),
  ]);
  const [row] = events?.results ?? [];
  if (row === undefined) {
    const detail = "There is no such event. It may have been deleted by retention, or be in quarantine.";
    throw refuse("not_found", { detail });
  }
  const event = readEventDetail(row);
  const destinations = (destinationRows?.results ?? []).map(readListedDestination);
  const deliveries = (deliveryRows?.results ?? []).map(readDeliveryRow).map((delivery) => ({
    ...delivery,
    /** Undefined after it was deleted. */
    destination: destinations.find((destination) => destination.id === delivery.destinationId),
  }));
  const outcome: EventOutcome =
    event.state !== "settled" ? event.state : deliveries.some(({ status }) => status === "dead") ? "dead" : "delivered";
  return {
    event,
    outcome,
    deliveries,
    journey: readJourney(journeys?.results[0]),
    /** Those without a delivery. */
    otherDestinations: destinations.filter(({ id: one }) =>
      deliveries.every(({ destinationId }) => destinationId !== one),
    ),
    /** Of those, why they have none. */
    notSentTo: notSentTo(event, deliveries, destinations).map(({ destinationId, reason }) => ({
      destination: destinations.find((destination) => destination.id === destinationId),
      reason,
      isMatch: reason === MATCHES_NOW,
    })),
  };
}

export type OneEvent = Awaited<ReturnType<typeof findOne>>;

export type DeliveryToDestination = OneEvent["deliveries"][number];
