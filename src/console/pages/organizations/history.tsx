import { encodeCursor } from "../../../api/requests.ts";
import type { EventPosition } from "../../../store/event-list.ts";
import type { EventOfResource, ResourceHistory } from "../../../store/resource-events.ts";
import type { ResourceRow } from "../../../store/resources.ts";
import { eventAddress, resourceAddress } from "../../addresses.ts";
import { ShortId, State, Time, TimeOfText } from "../../ui/values.tsx";
import { Table } from "../../ui/table.tsx";

const outcomes: Readonly<Record<EventOfResource["outcome"], string>> = {
  delivered: "delivered",
  pending: "under way",
  dead: "given up",
  unmatched: "wanted by nobody",
};

interface HistoryProps {
  readonly resource: ResourceRow;
  readonly history: ResourceHistory;
  /** Where the look began; undefined: at the newest event of all. */
  readonly before: EventPosition | undefined;
}

/** What happened to it: the events that told of it, as far back as one look reaches. */
export function History({ resource, history, before }: HistoryProps) {
  const { events } = history;
  return (
    <section aria-labelledby="history">
      <h2 id="history">What happened to it</h2>
      {events.length === 0 ? null : (
        <Table
          caption="Events of this resource, newest first"
          rows={events}
          columns={[
            { title: "What", cell: (event) => <EventLink event={event} resource={resource} /> },
            { title: "Received", cell: ({ receivedAt }) => <Time at={receivedAt} /> },
            { title: "Made", cell: ({ createdAt }) => (createdAt === null ? "–" : <TimeOfText text={createdAt} />) },
            { title: "To the destinations", cell: ({ outcome }) => <State state={outcome}>{outcomes[outcome]}</State> },
          ]}
        />
      )}
      <Reach resource={resource} history={history} before={before} />
    </section>
  );
}

function EventLink({ event, resource }: { readonly event: EventOfResource; readonly resource: ResourceRow }) {
  return (
    <span class="known-what">
      <a href={eventAddress(event.id)}>
        <bdi>{event.event ?? resource.type}</bdi>
      </a>
      {event.id === resource.eventId ? <span class="known-word">made the present state</span> : null}
      <ShortId id={event.id} />
    </span>
  );
}

/** How far back was looked, and how to look further. */
function Reach({ resource, history: { events, next }, before }: HistoryProps) {
  const path = resourceAddress(resource.organizationId, resource.type, resource.resourceId ?? "");
  const from = (position: EventPosition) =>
    `${path}&${new URLSearchParams({ cursor: encodeCursor(position) }).toString()}`;
  const isBehind = next !== null && resource.seq < next.seq;
  return (
    <>
      <p class="help">
        {events.length === 0 ? "None of its events is among those that were looked through. " : ""}
        <LookedThrough before={before} next={next} />
      </p>
      {before === undefined && next === null ? null : (
        <p class="pager">
          {before === undefined ? null : (
            <a class="button button-plain" href={path}>
              Look at the newest
            </a>
          )}
          {isBehind ? (
            // Just behind it, so that it is the first that is looked at.
            <a class="button button-plain" href={from({ seq: resource.seq + 1, receivedAt: resource.receivedAt })}>
              Look from the event that made it
            </a>
          ) : null}
          {next === null ? null : (
            <a class="button button-plain" rel="next" href={from(next)}>
              Look further back
            </a>
          )}
        </p>
      )}
    </>
  );
}

interface LookedThroughProps {
  readonly before: EventPosition | undefined;
  readonly next: EventPosition | null;
}

function LookedThrough({ before, next }: LookedThroughProps) {
  if (before === undefined && next === null) return <>All events that are kept were looked through.</>;
  return (
    <>
      Looked through: the events from {before === undefined ? "the newest" : <Time at={before.receivedAt} />} back to{" "}
      {next === null ? "the oldest that is kept" : <Time at={next.receivedAt} />}.
    </>
  );
}
