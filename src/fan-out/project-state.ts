import type { Database } from "../store/database.ts";
import type { RelayEvent } from "../domain/event.ts";
import type { Envelope } from "../qonto/envelope.ts";
import { readRegistrationStage } from "../qonto/registration.ts";
import { type ResourceSnapshot, readResource } from "../qonto/resource.ts";
import { insertStage } from "../store/registrations.ts";
import { upsertResources } from "../store/resources.ts";

/** An event beside what its body says. */
export interface ReadEvent {
  readonly event: RelayEvent;
  /** Null for an unreadable event: it is passed on, and says nothing about any state. */
  readonly envelope: Envelope | null;
}

/** Statements that bring the latest state up to those of some events that are recorded; in whatever order and however often they are run. */
export function projectState(db: Database, events: readonly ReadEvent[]): D1PreparedStatement[] {
  const { business = [], onboarding = [] } = Object.groupBy(events, ({ event }) => event.source);
  return [
    ...upsertResources(db, newestOfEach(business)),
    ...onboarding
      .map(({ envelope }) => envelope && readRegistrationStage(envelope))
      .filter((stage) => stage !== null)
      .map((stage) => insertStage(db, stage)),
  ];
}

/** Of several events of one resource only the newest is worth a row. */
function newestOfEach(events: readonly ReadEvent[]): ResourceSnapshot[] {
  const newest = new Map<string, ResourceSnapshot>();
  for (const { envelope } of events) {
    const snapshot = envelope && readResource(envelope);
    if (snapshot === null) continue;
    const key = JSON.stringify([snapshot.organizationId, snapshot.type, snapshot.resourceId]);
    const known = newest.get(key);
    if (known === undefined || snapshot.version > known.version) newest.set(key, snapshot);
  }
  return [...newest.values()];
}
