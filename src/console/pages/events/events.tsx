import { z } from "zod";
import { cursorOf, encodeCursor } from "../../../api/requests.ts";
import { operationalTypes } from "../../../domain/operational-event.ts";
import { sampleTypes } from "../../../qonto/sample-event.ts";
import type { World } from "../../../platform/world.ts";
import { outcomes } from "../../../store/event-progress.ts";
import { searchEvents, type Named, findNamed } from "../../../store/search.ts";
import { addresses, eventAddress, registrationAddress, resourceAddress } from "../../addresses.ts";
import { type Console, readQuery } from "../../requests.ts";
import { showPage } from "../../show-page.tsx";
import { MomentField, Select, TextField, moment } from "../../ui/form.tsx";
import { Notice } from "../../ui/layout.tsx";
import { EmptyState, ListPage } from "../../ui/table.tsx";
import { ShortId, Time, capitalized } from "../../ui/values.tsx";
import { Outcome, eventColumns, withSummary } from "./cells.tsx";
import { addEvent } from "./event.tsx";

const PER_PAGE = 50;

/** Of an id and of a type. */
const LONGEST_NAME = 255;

/** A filter that somebody types. Blanks are left out. */
export const filterText = z
  .string()
  .trim()
  .transform((typed) => (typed === "" ? undefined : typed));

const listQuery = z.object({
  type: filterText.optional(),
  organization: filterText.optional(),
  id: filterText.optional(),
  outcome: z.enum(outcomes).optional(),
  since: moment.optional(),
  until: moment.optional(),
  cursor: cursorOf(z.object({ seq: z.number(), receivedAt: z.number() })).optional(),
});

type ListQuery = z.output<typeof listQuery>;

/** What came in, and what became of it. */
export function addEvents(pages: Console, world: World): void {
  pages.get("/events", async (c) => {
    const query = readQuery(c, listQuery);
    const { id, organization, cursor, ...filters } = query;
    const named = id === undefined ? null : await findNamed(c.env.DB, id, organization);
    if (id !== undefined && named?.isEvent === true) return c.redirect(eventAddress(id), 303);
    if (id !== undefined && named?.isRegistration === true) return c.redirect(registrationAddress(id), 303);
    const { events, next } = await searchEvents(c.env.DB, {
      ...filters,
      organizationId: organization,
      before: cursor,
      limit: PER_PAGE,
      ...aboutResource(query, named),
    });
    const isFiltered = Object.values(query).some((one) => one !== undefined);
    return showPage(
      c,
      <ListPage
        title="Events"
        here={addresses.events}
        lead="What Qonto sent, and the relay's own events, newest first, and where they were delivered."
        filters={<ListFilters query={query} />}
        caption="Events, newest first"
        rows={events.map(withSummary)}
        columns={[...eventColumns, { title: "State", cell: (event) => <Outcome event={event} /> }]}
        next={next && encodeCursor(next)}
        lookedBackTo={next?.receivedAt}
        empty={isFiltered ? <NoMatches /> : <NoEvents />}
      >
        {named === null ? null : <FoundById named={named} />}
      </ListPage>,
    );
  });
  addEvent(pages, world);
}

/** A resource's type and organization narrow the walk, and its latest event is where it begins. */
function aboutResource({ id, type, organization, until }: ListQuery, named: Named | null) {
  if (id === undefined) return {};
  const [resource, ...others] = named?.resources ?? [];
  if (resource === undefined || others.length > 0) return { resourceId: id };
  return {
    resourceId: id,
    type: type ?? resource.type,
    organizationId: organization ?? resource.organizationId,
    until: until ?? resource.receivedAt + 1,
  };
}

function ListFilters({ query }: { readonly query: ListQuery }) {
  const isNarrow = [query.organization, query.since, query.until].some((one) => one !== undefined);
  return (
    <>
      <TextField label="Event or resource id" name="id" value={query.id} placeholder="any" maxlength={LONGEST_NAME} />
      <TypeField type={query.type} />
      <Select
        label="State"
        name="outcome"
        value={query.outcome}
        options={[["", "Any"], ...outcomes.map((outcome) => [outcome, capitalized(outcome)] as const)]}
      />
      <details class="filters-more" open={isNarrow}>
        <summary>Organization and time</summary>
        <div>
          <OrganizationField organization={query.organization} />
          <MomentField label="Received from" name="since" value={query.since} />
          <MomentField label="Received before" name="until" value={query.until} />
        </div>
      </details>
    </>
  );
}

/** A known type, any other, or a prefix of types. */
export function TypeField({ type }: { readonly type: string | undefined }) {
  return (
    <>
      <TextField label="Type" name="type" value={type} list="types" placeholder="any" maxlength={LONGEST_NAME} />
      <datalist id="types">
        {[...sampleTypes, ...operationalTypes].map((one) => (
          <option value={one}></option>
        ))}
      </datalist>
    </>
  );
}

export function OrganizationField({ organization: id }: { readonly organization: string | undefined }) {
  return (
    <TextField label="Organization" name="organization" value={id} placeholder="any id" maxlength={LONGEST_NAME} />
  );
}

/** An id may name other things than an event. */
function FoundById({ named: { resources, isInQuarantine, isCutShort } }: { readonly named: Named }) {
  return (
    <>
      {isInQuarantine ? (
        <Notice kind="info">
          An event with this id is in <a href={addresses.quarantine}>quarantine</a>.
        </Notice>
      ) : null}
      {resources.map((resource) => (
        <Notice kind="info">
          This is a resource of <bdi>{resource.type}</bdi>, of organization <ShortId id={resource.organizationId} />.{" "}
          <a href={resourceAddress(resource.organizationId, resource.type, resource.resourceId)}>Its present state</a>{" "}
          came with <a href={eventAddress(resource.eventId)}>an event</a> of <Time at={resource.receivedAt} />. Its
          events up to then are listed here.
        </Notice>
      ))}
      {resources.length === 0 && isCutShort ? (
        <Notice kind="info">
          There are too many organizations to search each for a resource with this id. Name one under “Organization and
          time”.
        </Notice>
      ) : null}
    </>
  );
}

function NoMatches() {
  return (
    <EmptyState title="No matching events">
      <a href={addresses.events}>Show all events</a>. Stale and unreadable events are in{" "}
      <a href={addresses.quarantine}>quarantine</a>. Events that never arrived are found by{" "}
      <code>npm run qonto -- reconcile --since 7d</code>.
    </EmptyState>
  );
}

function NoEvents() {
  return (
    <EmptyState title="No events yet">
      Send a sample as Qonto would: <code>npm run qonto -- send v1/transactions</code>. If Qonto sends nothing,{" "}
      <code>npm run qonto -- doctor</code> finds out why.
    </EmptyState>
  );
}
