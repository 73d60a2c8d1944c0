import { isAttempt } from "../../../domain/delivery.ts";
import type { DeliverySummary, FoundEvent } from "../../../store/event-search.ts";
import type { ListedDestination } from "../../../store/destination-list.ts";
import { ShortId, State, Time } from "../../ui/values.tsx";
import { Table } from "../../ui/table.tsx";
import { DestinationLink } from "../../ui/destination.tsx";
import { EventCell, OrganizationCell, outcomeWords } from "../events/cells.tsx";
import { attemptWords } from "../events/delivery-step.tsx";

interface TailTableProps {
  readonly events: readonly FoundEvent[];
  readonly destinations: readonly ListedDestination[];
}

export function TailTable({ events, destinations }: TailTableProps) {
  const byId = new Map(destinations.map((destination) => [destination.id, destination]));
  return (
    <Table
      caption="The newest events, and what each destination made of them"
      rows={events}
      columns={[
        { title: "Event", cell: (event) => <EventCell event={event} /> },
        { title: "Received", cell: ({ receivedAt }) => <Time at={receivedAt} /> },
        { title: "Organization", cell: (event) => <OrganizationCell event={event} /> },
        { title: "What became of it", cell: (event) => <Outcome event={event} destinations={byId} /> },
      ]}
    />
  );
}

/** Destinations that one row names; the event's own page names all. */
const MOST_NAMED = 6;

function Outcome({
  event,
  destinations,
}: {
  readonly event: FoundEvent;
  readonly destinations: ReadonlyMap<string, ListedDestination>;
}) {
  const { outcome, deliveries } = event;
  if (deliveries.length === 0) {
    return <State state={outcome}>{outcome === "pending" ? "on its way" : outcomeWords[outcome]}</State>;
  }
  // Trouble first, for not all may have room.
  const byTrouble = deliveries.toSorted((one, other) => rank[one.status] - rank[other.status]);
  return (
    <ul class="tail-destinations">
      {byTrouble.slice(0, MOST_NAMED).map((delivery) => (
        <li>
          <State state={delivery.status}>{delivery.status === "pending" ? "waiting" : delivery.status}</State>{" "}
          <DestinationName id={delivery.destinationId} destination={destinations.get(delivery.destinationId)} />{" "}
          <span class="event-type">{sayLast(delivery)}</span>
        </li>
      ))}
      {deliveries.length <= MOST_NAMED ? null : <li class="event-type">and {deliveries.length - MOST_NAMED} more</li>}
    </ul>
  );
}

const rank = { dead: 0, pending: 1, delivered: 2 } as const;

function DestinationName({
  id,
  destination,
}: {
  readonly id: string;
  readonly destination: ListedDestination | undefined;
}) {
  return destination === undefined ? <ShortId id={id} /> : <DestinationLink destination={destination} />;
}

function sayLast({ attempt, outcome, httpStatus }: DeliverySummary): string {
  if (attempt === null || outcome === null) return "no attempt yet";
  const answer = httpStatus === null ? attemptWords[outcome] : String(httpStatus);
  return attempt === 1 || !isAttempt({ outcome }) ? answer : `${answer}, attempt ${attempt}`;
}
