import type { Database } from "../../../store/database.ts";
import { wants } from "../../../domain/destination.ts";
import { refuse } from "../../../operator/refusals.ts";
import { deliveriesOfEvent, readDeliveryRow } from "../../../store/deliveries.ts";
import { findJourney, readJourney } from "../../../store/event-journey.ts";
import { findEvent, readEventDetail } from "../../../store/event-list.ts";
import type { EventOutcome } from "../../../store/event-outcomes.ts";
import { readListedTeam, teamList } from "../../../store/team-list.ts";

/** An event with all that is known of it: one D1 call. */
export async function findOne(db: Database, id: string) {
  const [events, journeys, deliveryRows, teamRows] = await db.batch([
    findEvent(db, id),
    findJourney(db, id),
    deliveriesOfEvent(db, id),
    teamList(db),
  ]);
  const [row] = events?.results ?? [];
  if (row === undefined) {
    const detail = "There is no such event. It may be older than what is kept, or wait in quarantine.";
    throw refuse("not_found", { detail });
  }
  const event = readEventDetail(row);
  const teams = (teamRows?.results ?? []).map(readListedTeam);
  const deliveries = (deliveryRows?.results ?? []).map(readDeliveryRow).map((delivery) => ({
    ...delivery,
    /** Undefined once it was removed. */
    team: teams.find((team) => team.id === delivery.destinationId),
  }));
  const outcome: EventOutcome =
    event.state === "settled"
      ? deliveries.some(({ status }) => status === "dead")
        ? "dead"
        : "delivered"
      : event.state;
  const others = teams.filter((team) => deliveries.every(({ destinationId }) => destinationId !== team.id));
  return {
    event,
    outcome,
    deliveries,
    journey: readJourney(journeys?.results[0]),
    /** Those that are not to get it, as it stands. */
    otherTeams: others.map((team) => ({ ...team, wantsIt: wants(team, event) })),
  };
}

export type OneEvent = Awaited<ReturnType<typeof findOne>>;

export type DeliveryToTeam = OneEvent["deliveries"][number];
