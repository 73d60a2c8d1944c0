import { ownDestinationOf } from "../../../api/destination-access.ts";
import { MATCHES_NOW, notSentTo } from "../../../api/not-sent-to.ts";
import { refuse } from "../../../api/refusals.ts";
import type { ActionContext } from "../../../api/requests.ts";
import { readSeenEvent } from "../../../api/seen-event.ts";
import { deliveriesOfEvent } from "../../../store/deliveries.ts";
import { findJourney, readJourney, findEvent } from "../../../store/event-list.ts";
import type { EventOutcome } from "../../../store/event-progress.ts";
import { readListedDestination, destinationList } from "../../../store/destinations.ts";

/** Everything about one event, in one D1 call; the token of a destination sees what is its own, which takes another. */
export async function findOne(c: ActionContext, id: string) {
  const db = c.env.DB;
  const [events, journeys, deliveryRows, destinationRows] = await db.batch([
    findEvent(db, id),
    findJourney(db, id),
    deliveriesOfEvent(db, id),
    destinationList(db),
  ]);
  const [row] = events?.results ?? [];
  const own = ownDestinationOf(c);
  if (row === undefined && own === null) {
    const detail = "There is no such event. It may have been deleted by retention, or be in quarantine.";
    throw refuse("not_found", { detail });
  }
  const { event, deliveries: seen } = await readSeenEvent(c, { event: row, deliveries: deliveryRows?.results ?? [] });
  const destinations = (destinationRows?.results ?? [])
    .map(readListedDestination)
    .filter((destination) => own === null || destination.id === own);
  const deliveries = seen.map((delivery) => ({
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
