import { z } from "zod";
import { isEndedWithoutAttempt } from "../../domain/delivery.ts";
import { type ListedDestination, destinationList, readListedDestination } from "../../store/destinations.ts";
import { type DeliverySummary, type FoundEvent, searchEvents } from "../../store/search.ts";
import { addresses } from "../addresses.ts";
import { type Console, readQuery } from "../requests.ts";
import { showPage } from "../show-page.tsx";
import { DestinationLink } from "../ui/destination.tsx";
import { ButtonLink } from "../ui/form.tsx";
import { EmptyState, ListPage, linkTo } from "../ui/table.tsx";
import { ShortId, State } from "../ui/values.tsx";
import { outcomeWords } from "../words.ts";
import { eventColumns, withSummary } from "./events/cells.tsx";
import { OrganizationField, TypeField, filterText } from "./events/events.tsx";

const SHOWN = 50;

const tailQuery = z.object({ type: filterText.optional(), organization: filterText.optional() });

/** The newest events as they arrive. */
export function addTail(pages: Console): void {
  pages.get("/tail", async (c) => {
    const { type, organization } = readQuery(c, tailQuery);
    const search = { type, organizationId: organization, limit: SHOWN };
    const { events, also } = await searchEvents(c.env.DB, search, [destinationList(c.env.DB)]);
    const listed = (also[0]?.results ?? []).map(readListedDestination);
    const destinations = new Map(listed.map((destination) => [destination.id, destination]));
    return showPage(
      c,
      <ListPage
        title="Live tail"
        here={addresses.tail}
        lead="The newest events and their deliveries, refreshed every five seconds."
        filters={
          <>
            <TypeField type={type} />
            <OrganizationField organization={organization} />
          </>
        }
        caption="The newest events and their deliveries"
        rows={events.map(withSummary)}
        columns={[
          ...eventColumns,
          { title: "Deliveries", cell: (event) => <Deliveries event={event} destinations={destinations} /> },
        ]}
        next={null}
        empty={
          <EmptyState
            title={type === undefined && organization === undefined ? "No events yet" : "No matching events yet"}
          >
            New events appear here within seconds. To see one now: <code>npm run qonto -- send v1/transactions</code>.
          </EmptyState>
        }
        liveSeconds={5}
      >
        <p class="actions">
          <button type="button" class="button" data-pause="list" hidden>
            Pause
          </button>
          <noscript>
            <ButtonLink href={linkTo(addresses.tail, { type, organization })}>Refresh</ButtonLink>
          </noscript>
        </p>
      </ListPage>,
    );
  });
}

/** Destinations that one row names. The event's page names all. */
const MOST_NAMED = 6;

/** Trouble comes first, for there may not be room for all. */
const rank = { dead: 0, pending: 1, delivered: 2 } as const;

interface DeliveriesProps {
  readonly event: FoundEvent;
  readonly destinations: ReadonlyMap<string, ListedDestination>;
}

function Deliveries({ event: { outcome, deliveries }, destinations }: DeliveriesProps) {
  if (deliveries.length === 0) return <State state={outcome} />;
  const byTrouble = deliveries.toSorted((one, other) => rank[one.status] - rank[other.status]);
  return (
    <ul>
      {byTrouble.slice(0, MOST_NAMED).map((delivery) => (
        <li>
          <State state={delivery.status} /> <DestinationName id={delivery.destinationId} destinations={destinations} />{" "}
          <span class="aside">{lastAnswer(delivery)}</span>
        </li>
      ))}
      {deliveries.length <= MOST_NAMED ? null : <li class="aside">and {deliveries.length - MOST_NAMED} more</li>}
    </ul>
  );
}

/** Of a destination that was deleted only the id is known. */
function DestinationName({ id, destinations }: { readonly id: string } & Pick<DeliveriesProps, "destinations">) {
  const destination = destinations.get(id);
  return destination === undefined ? <ShortId id={id} /> : <DestinationLink destination={destination} />;
}

function lastAnswer({ attempt, outcome, httpStatus }: DeliverySummary): string {
  if (attempt === null || outcome === null) return "no attempt yet";
  const answer = httpStatus === null ? outcomeWords[outcome] : String(httpStatus);
  return attempt === 1 || isEndedWithoutAttempt({ outcome }) ? answer : `${answer}, attempt ${attempt}`;
}
