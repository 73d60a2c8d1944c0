import type { Database } from "../store/database.ts";
import type { RelayEvent } from "../domain/event.ts";
import type { Envelope } from "../qonto/envelope.ts";
import { readRegistrationStage } from "../qonto/registration.ts";
import { readResource } from "../qonto/resource.ts";
import { type NewStage, insertStage } from "../store/registrations.ts";
import { type NewResource, upsertResources } from "../store/resources.ts";
import type { BatchEvent } from "./batch-events.ts";

/** An event and what its body says. */
export interface ParsedEvent extends Pick<BatchEvent, "leases"> {
  readonly event: RelayEvent;
  /** Its body, if that came by a message; null: D1 has it. */
  readonly inlineBody: string | null;
  /** Null for an unreadable event, which changes no state. */
  readonly envelope: Envelope | null;
}

/**
 * Statements that update the latest state from some events. Order and repetition do not matter. A body that came by a
 * message counts only if the event is recorded with it.
 */
export function updateLatestState(db: Database, events: readonly ParsedEvent[]): D1PreparedStatement[] {
  const { business = [], onboarding = [] } = Object.groupBy(events, ({ event }) => event.source);
  const resources = business.flatMap(({ envelope, inlineBody }): NewResource[] => {
    const snapshot = envelope && readResource(envelope);
    return snapshot === null ? [] : [{ ...snapshot, body: inlineBody }];
  });
  const stages = onboarding.flatMap(({ envelope, inlineBody }): NewStage[] => {
    const stage = envelope && readRegistrationStage(envelope);
    return stage === null ? [] : [{ ...stage, body: inlineBody }];
  });
  return [...upsertResources(db, resources), ...stages.map((stage) => insertStage(db, stage))];
}
