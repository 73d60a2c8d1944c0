import { parseInstant } from "../domain/instant.ts";
import { isOperational } from "../domain/operational-event.ts";
import { versionKey } from "../domain/version.ts";
import { isObject, parseJsonLosslessly } from "../platform/json.ts";
import { bareEventName, lifecycleRank, rulesOf } from "./catalogue.ts";
import type { Envelope } from "./envelope.ts";

/** A resource as one event shows it. */
export interface ResourceSnapshot {
  readonly organizationId: string;
  readonly type: string;
  /** Null for a type of which an organization has one at most. */
  readonly resourceId: string | null;
  readonly event: string | null;
  readonly deleted: boolean;
  /** Sorts as the version rule says. */
  readonly version: string;
  /** ISO 8601 in UTC; null when the event carries no date at all. */
  readonly versionAt: string | null;
  readonly eventId: string;
}

/** What a Business API event says of the state; null for an operational event, and for one that names no organization. */
export function readResource(envelope: Envelope): ResourceSnapshot | null {
  const { id, type, event, organizationId, resourceId, createdAt, data } = envelope;
  if (organizationId === null || isOperational(envelope)) return null;
  const ownInstant = rulesOf(type).instant;
  const versionAt = parseInstant(data["updated_at"]) ?? parseInstant(ownInstant && data[ownInstant]) ?? createdAt;
  return {
    organizationId,
    type,
    resourceId,
    event,
    deleted: event !== null && bareEventName(event) === "deleted",
    version: versionKey({ versionAt, createdAt, lifecycleRank: lifecycleRank(type, event), eventId: id }),
    versionAt: versionAt?.iso ?? null,
    eventId: id,
  };
}

/** The `data` of an event's body, each number as it was written; `{}` without an object there. */
export function readData(body: string): Record<string, unknown> {
  const json = parseJsonLosslessly(body);
  const data = isObject(json) ? json["data"] : undefined;
  return isObject(data) ? data : {};
}
