import { isReconciled } from "../../../domain/event.ts";
import type { EventOutcome } from "../../../store/event-outcomes.ts";
import type { FoundEvent } from "../../../store/event-search.ts";
import { eventAddress, organizationAddress, registrationAddress, resourceAddress } from "../../addresses.ts";
import { ShortId, State, count } from "../../ui/values.tsx";
import { whatHappened } from "./what-happened.ts";

type Of<Names extends keyof FoundEvent> = { readonly event: Pick<FoundEvent, Names> };

/** What happened, as a link to the event; the row's own name. */
export function EventCell({ event }: Of<"id" | "type" | "event" | "duplicates">) {
  return (
    <span class="event-name">
      <a href={eventAddress(event.id)} data-key={event.id} title={event.id}>
        <bdi>{whatHappened(event)}</bdi>
      </a>
      <span class="event-type">
        <bdi class="mono">{event.type}</bdi>
        {isReconciled(event) ? " reconciled" : ""}
        {event.duplicates === 0 ? "" : ` came again ${count(event.duplicates)}×`}
      </span>
    </span>
  );
}

export function OrganizationCell({ event }: Of<"organizationId">) {
  if (event.organizationId === null) return <span class="soft">none</span>;
  return (
    <a href={organizationAddress(event.organizationId)}>
      <ShortId id={event.organizationId} />
    </a>
  );
}

export function ResourceCell({ event }: Of<"type" | "organizationId" | "resourceId" | "isUnreadable">) {
  const address = addressOfResource(event);
  if (event.resourceId === null) return <span class="soft">none</span>;
  if (address === null) return <ShortId id={event.resourceId} />;
  return (
    <a href={address}>
      <ShortId id={event.resourceId} />
    </a>
  );
}

/** Where the present state is of what an event is about; null when none is kept. */
export function addressOfResource({
  type,
  organizationId,
  resourceId,
  isUnreadable,
}: Pick<FoundEvent, "type" | "organizationId" | "resourceId" | "isUnreadable">): string | null {
  if (isUnreadable) return null;
  if (organizationId !== null) return resourceAddress(organizationId, type, resourceId ?? "");
  return resourceId !== null && type.startsWith("registrations.") ? registrationAddress(resourceId) : null;
}

export const outcomeWords: Readonly<Record<EventOutcome, string>> = {
  delivered: "delivered",
  pending: "waiting",
  dead: "dead",
  unmatched: "wanted by nobody",
};

export function OutcomeCell({ event }: Of<"outcome" | "deliveries">) {
  return (
    <span class="event-outcome">
      <State state={event.outcome}>{outcomeWords[event.outcome]}</State>
      <span class="event-type">{sayDestinations(event)}</span>
    </span>
  );
}

function sayDestinations({ outcome, deliveries }: Pick<FoundEvent, "outcome" | "deliveries">): string {
  if (outcome === "unmatched") return "";
  if (deliveries.length === 0) return "not handed out yet";
  const all = deliveries.length === 1 ? "1 destination" : `${count(deliveries.length)} destinations`;
  const some = deliveries.filter(({ status }) => status === outcome).length;
  return some === deliveries.length ? all : `${count(some)} of ${all}`;
}
