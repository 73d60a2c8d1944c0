import type { Child } from "hono/jsx";
import { outcomes } from "../../../store/event-outcomes.ts";
import type { EventPosition } from "../../../store/event-list.ts";
import type { FoundEvent } from "../../../store/event-search.ts";
import { addresses } from "../../addresses.ts";
import { EmptyState, Filters, Pager, Table, linkTo } from "../../ui/table.tsx";
import { Field, MomentField } from "../../ui/form.tsx";
import { Time } from "../../ui/values.tsx";
import { EventCell, OrganizationCell, OutcomeCell, ResourceCell, outcomeWords } from "./cells.tsx";
import { LONGEST_NAME, OrganizationField, TypeField } from "./filter-fields.tsx";
import { type ListQuery, toCursor, toLink } from "./search.ts";

interface ListProps {
  readonly query: ListQuery;
  readonly events: readonly FoundEvent[];
  /** Null: there is nothing further back. */
  readonly next: EventPosition | null;
  /** What is known of the id that was asked for. */
  readonly children?: Child;
}

/** Filters, events, and the way further back. */
export function EventList({ query, events, next, children }: ListProps) {
  const link = toLink(query);
  const nextCursor = next === null ? null : toCursor(next);
  return (
    <>
      <ListFilters query={query} />
      {children}
      {events.length > 0 ? <EventTable events={events} /> : nextCursor === null ? <Nothing query={query} /> : null}
      {events.length === 0 && next !== null ? (
        <EmptyState title="None of the events that were looked at is one of these.">
          <p>
            A page looks at so many and no more; these go back to <Time at={next.receivedAt} />.{" "}
            <a href={linkTo(addresses.events, { ...link, cursor: toCursor(next) })}>Look further back</a>
          </p>
        </EmptyState>
      ) : (
        <Pager path={addresses.events} query={link} nextCursor={nextCursor} />
      )}
    </>
  );
}

function ListFilters({ query }: { readonly query: ListQuery }) {
  const isNarrow = [query.organization, query.since, query.until].some((one) => one !== undefined);
  return (
    <Filters path={addresses.events}>
      <Field label="Event or resource id">
        <input
          name="id"
          value={query.id}
          placeholder="any"
          maxlength={LONGEST_NAME}
          autocapitalize="off"
          spellcheck={false}
        />
      </Field>
      <TypeField type={query.type} />
      <Field label="What became of it">
        <select name="outcome">
          <option value="">anything</option>
          {outcomes.map((outcome) => (
            <option value={outcome} selected={outcome === query.outcome}>
              {outcomeWords[outcome]}
            </option>
          ))}
        </select>
      </Field>
      <details class="filters-more" open={isNarrow}>
        <summary>Organization and time</summary>
        <div class="filters-more-fields">
          <OrganizationField organization={query.organization} />
          <MomentField label="Received from" name="since" value={query.since} />
          <MomentField label="Received before" name="until" value={query.until} />
        </div>
      </details>
    </Filters>
  );
}

function EventTable({ events }: Pick<ListProps, "events">) {
  return (
    <Table
      caption="Events, newest first, and what became of them"
      rows={events}
      columns={[
        { title: "Event", cell: (event) => <EventCell event={event} /> },
        { title: "Received", cell: ({ receivedAt }) => <Time at={receivedAt} /> },
        { title: "Organization", cell: (event) => <OrganizationCell event={event} /> },
        { title: "Resource", cell: (event) => <ResourceCell event={event} /> },
        { title: "State", cell: (event) => <OutcomeCell event={event} /> },
      ]}
    />
  );
}

function Nothing({ query }: Pick<ListProps, "query">) {
  const isFiltered = Object.values(query).some((one) => one !== undefined);
  if (isFiltered) {
    return (
      <EmptyState title="No event that is kept is one of these.">
        <p>
          <a href={addresses.events}>See all events</a>. What is stale or unreadable is in{" "}
          <a href={addresses.quarantine}>quarantine</a>; what never came is found by{" "}
          <code>npm run qonto -- reconcile --since 7d</code>.
        </p>
      </EmptyState>
    );
  }
  return (
    <EmptyState title="Nothing has come yet.">
      <p>
        Send a sample as Qonto would: <code>npm run qonto -- send v1/transactions</code>. Should it be Qonto that sends
        nothing, <code>npm run qonto -- doctor</code> finds out why.
      </p>
    </EmptyState>
  );
}
