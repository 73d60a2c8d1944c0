import type { PropsWithChildren } from "hono/jsx";
import { isReconciled } from "../../../domain/event.ts";
import { isOperational } from "../../../domain/operational-event.ts";
import { type Summary, summaryOfEvent, whatHappened } from "../../../qonto/summary.ts";
import type { FoundEvent } from "../../../store/search.ts";
import { eventAddress, organizationAddress, registrationAddress, resourceAddress } from "../../addresses.ts";
import { PageLink } from "../../ui/form.tsx";
import type { Column } from "../../ui/table.tsx";
import { Amount, Chips, ShortId, State, Time, count, counted } from "../../ui/values.tsx";

/** An event as a list shows it. The summary is null when the body cannot be read. */
export interface ListedEvent extends FoundEvent {
  readonly summary: Summary | null;
}

export function withSummary(event: FoundEvent): ListedEvent {
  return { ...event, summary: summaryOfEvent(event) };
}

/** What happened, to what, how much, when and to whom. */
export const eventColumns: readonly Column<ListedEvent>[] = [
  { title: "Event", cell: (event) => <EventName event={event} /> },
  { title: "Resource", cell: (event) => <Resource event={event} /> },
  {
    title: "Amount",
    kind: "figure",
    cell: ({ summary }) => (summary?.money ? <Amount {...summary.money} /> : ""),
  },
  { title: "Received", cell: ({ receivedAt }) => <Time at={receivedAt} show="relative" /> },
  { title: "Organization", cell: (event) => <OrganizationLink id={event.organizationId} /> },
];

function EventName({ event }: { readonly event: ListedEvent }) {
  return (
    <span class="lines">
      <a href={eventAddress(event.id)} data-key={event.id} title={event.id}>
        <bdi>{whatHappened(event)}</bdi>
      </a>
      <span class="aside">
        <bdi class="mono">{event.type}</bdi>
        {isReconciled(event) ? " reconciled" : ""}
        {isOperational(event) ? " by the relay" : ""}
        {event.duplicates === 0 ? "" : ` ${counted(event.duplicates, "duplicate")}`}
      </span>
    </span>
  );
}

function Resource({ event }: { readonly event: ListedEvent }) {
  const { resourceId, summary } = event;
  const title = summary?.title ?? null;
  const name =
    title !== null ? (
      <bdi title={resourceId ?? undefined}>{title}</bdi>
    ) : resourceId !== null ? (
      <ShortId id={resourceId} />
    ) : (
      "state"
    );
  return (
    <span class="lines">
      {isOperational(event) ? name : <ResourceLink event={event}>{name}</ResourceLink>}
      <span class="cluster">
        <Chips words={summary?.words ?? []} />
      </span>
    </span>
  );
}

type ResourceLinkProps = PropsWithChildren<{
  readonly event: Pick<FoundEvent, "id" | "type" | "organizationId" | "resourceId" | "isUnreadable">;
}>;

/** A link to the resource's latest state, where one is kept. */
export function ResourceLink({ event, children }: ResourceLinkProps) {
  const address = addressOfResource(event);
  if (address !== null) return <PageLink href={address}>{children}</PageLink>;
  return event.resourceId === null ? <span class="soft">none</span> : <>{children}</>;
}

/** Null when no state of it is kept. */
export function addressOfResource(event: ResourceLinkProps["event"]): string | null {
  const { type, organizationId, resourceId, isUnreadable } = event;
  if (isUnreadable || isOperational(event)) return null;
  if (organizationId !== null) return resourceAddress(organizationId, type, resourceId ?? "");
  return resourceId !== null && type.startsWith("registrations.") ? registrationAddress(resourceId) : null;
}

export function OrganizationLink({ id }: { readonly id: string | null }) {
  if (id === null) return <span class="soft">none</span>;
  return (
    <PageLink href={organizationAddress(id)}>
      <ShortId id={id} />
    </PageLink>
  );
}

/** The state, and how many destinations are in it. */
export function Outcome({ event: { outcome, deliveries } }: { readonly event: FoundEvent }) {
  const inIt = deliveries.filter(({ status }) => status === outcome).length;
  const all = counted(deliveries.length, "destination");
  return (
    <span class="lines">
      <State state={outcome} />
      <span class="aside">
        {outcome === "unmatched"
          ? ""
          : deliveries.length === 0
            ? "not dispatched yet"
            : inIt === deliveries.length
              ? all
              : `${count(inIt)} of ${all}`}
      </span>
    </span>
  );
}
