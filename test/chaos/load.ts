import { type SampleType } from "../../src/qonto/sample-event.ts";
import { type Payload, makePayload } from "../support/qonto.ts";
import type { Chance } from "./chance.ts";

/** An event that Qonto will send. */
export interface PlannedEvent {
  readonly id: string;
  readonly type: SampleType;
  readonly payload: Payload;
  /** Whose state the event has; null where the relay keeps no state. */
  readonly resource: string | null;
  /** Rises with each event of a resource. */
  readonly version: number;
}

/** Share of each type, in parts of 20. */
const mix: readonly (readonly [SampleType, number])[] = [
  ["v1/transactions", 10],
  ["v1/cards", 4],
  ["v1/transfers", 3],
  ["v1/beneficiaries", 2],
  ["registrations.user_started", 1],
];
const bag = mix.flatMap(([type, parts]) => Array.from({ length: parts }, () => type));

const RESOURCES_OF_EACH_TYPE = 6;

export const organizations = ["chaos-organization-0", "chaos-organization-1"];

/** An event is sent up to this many places early or late. */
const SHUFFLE = 10;

/**
 * Events of a few resources with rising versions, nearly in order. The last but one of each resource is sent at the very
 * end, after the newest.
 */
export function planLoad(count: number, startMs: number, chance: Chance): PlannedEvent[] {
  const planned = Array.from({ length: count }, (_, version) => {
    const type = bag[Math.floor(chance() * bag.length)] ?? "v1/transactions";
    const number = Math.floor(chance() * RESOURCES_OF_EACH_TYPE);
    return planEvent(type, number, version, new Date(startMs + version).toISOString());
  });
  const shuffled = planned
    .map((event, place) => ({ event, place: place + chance() * SHUFFLE }))
    .toSorted((one, other) => one.place - other.place)
    .map(({ event }) => event);
  const late = new Set(
    [...Map.groupBy(planned, ({ resource }) => resource)].flatMap(([resource, events]) =>
      resource === null ? [] : events.slice(-2, -1),
    ),
  );
  return [...shuffled.filter((event) => !late.has(event)), ...late];
}

/** Names a resource as the operator's API shows it. */
export function resourceName(organizationId: string, type: string, resourceId: string | null): string {
  return [organizationId, type, resourceId].join(" ");
}

function planEvent(type: SampleType, number: number, version: number, instant: string): PlannedEvent {
  if (!type.startsWith("v1/")) {
    const payload = makePayload(type, { created_at: instant });
    return { id: payload.id, type, payload, resource: null, version };
  }
  const organizationId = organizations[number % organizations.length] ?? "";
  const resourceId = `resource-${number}`;
  const payload = makePayload(type, {
    organization_id: organizationId,
    created_at: instant,
    data: { id: resourceId, event: "updated", updated_at: instant },
  });
  return { id: payload.id, type, payload, resource: resourceName(organizationId, type, resourceId), version };
}
