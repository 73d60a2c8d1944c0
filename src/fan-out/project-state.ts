import type { Database } from "../store/database.ts";
import type { RelayEvent } from "../domain/event.ts";
import type { Envelope } from "../qonto/envelope.ts";
import { readRegistrationStage } from "../qonto/registration.ts";
import { readResource } from "../qonto/resource.ts";
import { insertStage } from "../store/registrations.ts";
import { type NewResource, upsertResources } from "../store/resources.ts";

/** An event beside what its body says. */
export interface ReadEvent {
  readonly event: RelayEvent;
  /** Its body came by a message; false: D1 has it so. */
  readonly isCarried: boolean;
  /** Null for an unreadable event: it is passed on, and says nothing about any state. */
  readonly envelope: Envelope | null;
}

/**
 * Statements that bring the latest state up to those of some events that are recorded, with the bodies at hand, in whatever
 * order and however often they are run.
 */
export function projectState(db: Database, events: readonly ReadEvent[]): D1PreparedStatement[] {
  const { business = [], onboarding = [] } = Object.groupBy(events, ({ event }) => event.source);
  const resources = business.flatMap(({ event, envelope, isCarried }): NewResource[] => {
    const snapshot = envelope && readResource(envelope);
    return snapshot === null ? [] : [{ ...snapshot, body: isCarried ? event.body : null }];
  });
  return [
    ...upsertResources(db, resources),
    ...onboarding.flatMap(({ event, envelope, isCarried }) => {
      const stage = envelope && readRegistrationStage(envelope);
      return stage === null ? [] : [insertStage(db, { ...stage, body: isCarried ? event.body : null })];
    }),
  ];
}
