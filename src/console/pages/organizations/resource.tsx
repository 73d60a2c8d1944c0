import { z } from "zod";
import { cursorOf, encodeCursor, notFound } from "../../../api/requests.ts";
import { readId } from "../../../qonto/envelope.ts";
import { readData } from "../../../qonto/resource.ts";
import { fieldAt, summaryOf } from "../../../qonto/summary.ts";
import type { EventPosition } from "../../../store/event-order.ts";
import {
  type EventOfResource,
  type ResourceHistory,
  historyOf,
  summariesOf,
  type ResourceRow,
  findResource,
} from "../../../store/resources.ts";
import { addresses, eventAddress, organizationAddress, resourceAddress, resourcesAddress } from "../../addresses.ts";
import { type Console, readQuery } from "../../requests.ts";
import { showPage } from "../../show-page.tsx";
import { ButtonLink } from "../../ui/form.tsx";
import { Json } from "../../ui/json.tsx";
import { Page, Section } from "../../ui/layout.tsx";
import { Table, linkTo } from "../../ui/table.tsx";
import { Amount, Chips, Iban, ShortId, State, Time, TimeOfText } from "../../ui/values.tsx";

const resourceQuery = z.strictObject({
  /** Without a type, the newest resource with the id is shown. */
  type: z.string().optional(),
  /** Empty for a type that has one resource in each organization. */
  id: z.string().trim().default(""),
  cursor: cursorOf(z.object({ seq: z.number(), receivedAt: z.number() })).optional(),
});

/** The latest state of one resource, and its events. */
export function addResource(pages: Console): void {
  pages.get("/organizations/:id/resource", async (c) => {
    const organizationId = c.req.param("id");
    const { type, id, cursor } = readQuery(c, resourceQuery);
    const found = await findResource(c.env.DB, organizationId, id, type);
    if (found === null) throw notFound("resource");
    const data = readData(found.body);
    const [history, related] = await Promise.all([
      historyOf(c.env.DB, found, cursor),
      summariesOf(c.env.DB, organizationId, relatedIds(found.type, data)),
    ]);
    return showPage(
      c,
      <Page
        title="Resource"
        here={addresses.organizations}
        trail={[
          { href: addresses.organizations, text: "Organizations" },
          { href: organizationAddress(organizationId), text: <ShortId id={organizationId} /> },
          { href: linkTo(resourcesAddress(organizationId), { type: found.type }), text: found.type },
        ]}
      >
        <Subject resource={found} data={data} />
        <Version resource={found} />
        <History resource={found} history={history} before={cursor} />
        <Related resources={related} />
        <Section id="data" title="Data">
          <Json value={data} label="Data" />
        </Section>
      </Page>,
    );
  });
}

function Subject({ resource, data }: { readonly resource: ResourceRow; readonly data: Record<string, unknown> }) {
  const { title, money, iban, words } = summaryOf(resource.type, data);
  return (
    <>
      <p class="title cluster">
        <bdi>{title ?? resource.type}</bdi> {money === null ? null : <Amount {...money} />}
      </p>
      <p class="cluster soft">
        {resource.deleted ? <State state="paused">deleted</State> : null}
        <span class="cluster">
          {iban === null ? null : <Iban iban={iban} />}
          <Chips words={words} />
        </span>
        <bdi>{resource.type}</bdi>
        {resource.resourceId === null ? null : <bdi class="mono">{resource.resourceId}</bdi>}
      </p>
    </>
  );
}

/** The event that made the state what it is. */
function Version({ resource }: { readonly resource: ResourceRow }) {
  const { event, deleted, versionAt, eventId, receivedAt } = resource;
  return (
    <p>
      Last changed by{" "}
      <a href={eventAddress(eventId)}>
        event <ShortId id={eventId} />
      </a>
      {event === null ? null : (
        <>
          {" "}
          (<bdi>{event}</bdi>)
        </>
      )}
      {versionAt === null ? null : (
        <>
          , as of <TimeOfText text={versionAt} />
        </>
      )}
      , received <Time at={receivedAt} />.{deleted ? " Qonto has deleted it: this is its last known state." : ""}
    </p>
  );
}

interface HistoryProps {
  readonly resource: ResourceRow;
  readonly history: ResourceHistory;
  /** Where the search began; undefined: at the newest event. */
  readonly before: EventPosition | undefined;
}

function History({ resource, history, before }: HistoryProps) {
  return (
    <Section id="history" title="Events">
      {history.events.length === 0 ? null : (
        <Table
          caption="Events of this resource, newest first"
          rows={history.events}
          columns={[
            { title: "Event", cell: (event) => <EventLink event={event} resource={resource} /> },
            { title: "Received", cell: ({ receivedAt }) => <Time at={receivedAt} show="relative" /> },
            {
              title: "Created",
              cell: ({ createdAt }) => (createdAt === null ? "–" : <TimeOfText text={createdAt} show="relative" />),
            },
            { title: "Deliveries", cell: ({ outcome }) => <State state={outcome} /> },
          ]}
        />
      )}
      <SearchedRange resource={resource} history={history} before={before} />
    </Section>
  );
}

function EventLink({ event, resource }: { readonly event: EventOfResource; readonly resource: ResourceRow }) {
  return (
    <span class="cluster">
      <a href={eventAddress(event.id)}>
        <bdi>{event.event ?? resource.type}</bdi>
      </a>
      {event.id === resource.eventId ? <span class="chip">current state</span> : null}
      <ShortId id={event.id} />
    </span>
  );
}

/** One page searches a bounded number of events: says which, and links to the others. */
function SearchedRange({ resource, history: { events, next }, before }: HistoryProps) {
  if (before === undefined && next === null) {
    return (
      <p class="help">
        {events.length === 0 ? "No event of it is stored any more. " : ""}All stored events were searched.
      </p>
    );
  }
  const path = resourceAddress(resource.organizationId, resource.type, resource.resourceId ?? "");
  const from = (position: EventPosition) =>
    `${path}&${new URLSearchParams({ cursor: encodeCursor(position) }).toString()}`;
  return (
    <>
      <p class="help">
        {events.length === 0 ? "No match among the events searched. " : ""}
        Searched from {before === undefined ? "the newest event" : <Time at={before.receivedAt} />} back to{" "}
        {next === null ? "the oldest" : <Time at={next.receivedAt} />}.
      </p>
      <p class="actions">
        {before === undefined ? null : <ButtonLink href={path}>Newest events</ButtonLink>}
        {next !== null && resource.seq < next.seq ? (
          // The search begins before this position: the event is the first one found.
          <ButtonLink href={from({ seq: resource.seq + 1, receivedAt: resource.receivedAt })}>
            Event of the current state
          </ButtonLink>
        ) : null}
        {next === null ? null : (
          <ButtonLink rel="next" href={from(next)}>
            Older events
          </ButtonLink>
        )}
      </p>
    </>
  );
}

function Related({ resources }: { readonly resources: readonly ResourceRow[] }) {
  if (resources.length === 0) return null;
  return (
    <Section id="related" title="Related resources">
      <ul class="grid">
        {resources.map(({ organizationId, type, resourceId, body }) => (
          <li class="spread">
            <bdi class="aside">{type}</bdi>
            <a href={resourceAddress(organizationId, type, resourceId ?? "")}>
              <bdi>{summaryOf(type, readData(body)).title ?? <ShortId id={resourceId ?? ""} />}</bdi>
            </a>
          </li>
        ))}
      </ul>
    </Section>
  );
}

/** Fields with the id of another resource, in any type. */
const relatedFields: Readonly<Record<string, string>> = {
  bank_account_id: "v1/accounts",
  "bank_account.id": "v1/accounts",
  beneficiary_id: "v1/beneficiaries",
  card_id: "v1/cards",
  holder_id: "v1/memberships",
  initiator_id: "v1/memberships",
  recurring_transfer_id: "v1/recurring-transfers",
  mandate_id: "v1/sepa-direct-debit-mandates",
  transfer_id: "v1/transfers",
};

/** Fields that mean something else in other types. */
const relatedFieldsOfType: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "v1/transfers": { transaction_id: "v1/transactions" },
  "v1/client-invoices": { client_id: "v1/clients", "client.id": "v1/clients" },
  "v1/payment-links": { resource_id: "v1/client-invoices" },
};

/** The resources that `data` names by id, each once. */
export function relatedIds(type: string, data: unknown): { readonly type: string; readonly id: string }[] {
  const ofType = Object.hasOwn(relatedFieldsOfType, type) ? relatedFieldsOfType[type] : undefined;
  const found = Object.entries({ ...relatedFields, ...ofType }).flatMap(([path, named]) => {
    const id = readId(fieldAt(data, path));
    return id === null ? [] : [{ type: named, id }];
  });
  return [...new Map(found.map((one) => [JSON.stringify([one.type, one.id]), one])).values()];
}
