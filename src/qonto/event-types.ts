import {
  type OperationalType,
  operationalEvent,
  operationalSamples,
  operationalTypes,
} from "../domain/operational-event.ts";
import { descriptionOf } from "./catalogue.ts";
import { type SampleType, sampleEvent, sampleTypes, sourceOfType } from "./sample-event.ts";

/** An event type that this version of the relay knows. */
export interface EventType {
  readonly type: string;
  /** Which of Qonto's systems tells it, or the relay itself. */
  readonly source: "business" | "onboarding" | "relay";
  /** What an event of the type says, in one sentence. */
  readonly description: string;
  /** A made-up event, as a destination receives it. */
  readonly example: Readonly<Record<string, unknown>>;
}

/** What each operational event says. Its `data` is in `OperationalData`. */
const operationalDescriptions = {
  "relay.connection.lost": "A connection to Qonto has expired or was revoked: connect the organization again.",
  "relay.subscription.restored": "A webhook subscription was gone or no longer delivered, and there is one again.",
  "relay.reconciliation.recovered": "Reconciliation has found what the webhooks had missed.",
  "relay.source.silent": "No webhook of the organization has come for unusually long.",
  "relay.destination.failing": "A destination has failed for ten minutes, or its circuit is open.",
  "relay.destination.recovered": "A destination that was failing takes events again.",
  "relay.destination.disabled": "A destination has answered 410, and gets no more events until an operator enables it.",
  "relay.delivery.dead": "Deliveries to a destination are dead.",
  "relay.quarantine.received": "Events are in quarantine.",
  "relay.health.degraded": "Checks of the relay's health are degraded.",
  "relay.health.ok": "All checks of the relay's health are ok.",
};

/** All of them: those of Qonto's catalogue, then the relay's own. */
export const eventTypes: readonly EventType[] = [...sampleTypes.map(catalogued), ...operationalTypes.map(operational)];

function catalogued(type: SampleType): EventType {
  return {
    type,
    source: sourceOfType(type),
    description: descriptionOf(type) ?? type,
    example: sampleEvent(type),
  };
}

function operational(type: OperationalType): EventType {
  const data = operationalSamples[type];
  const { body } = operationalEvent(type, {
    transition: "019a935f7400",
    organizationId: "connection_id" in data ? "123e4567-e89b-12d3-a456-426614174000" : null,
    at: Date.UTC(2026, 10, 24, 10),
    data,
  });
  return { type, source: "relay", description: operationalDescriptions[type], example: JSON.parse(body) };
}
