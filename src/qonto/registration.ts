import { versionKey } from "../domain/version.ts";
import { bareEventName, onboardingRank } from "./catalogue.ts";
import type { Envelope } from "./envelope.ts";

/** A stage that a registration has reached. */
export interface RegistrationStage {
  readonly registrationId: string;
  /** `pending`, `user_started`, …, `completed`; `deleted` when it was reset. */
  readonly stage: string;
  /** ISO 8601 in UTC; null when the event carries no date. */
  readonly at: string | null;
  /** Sorts by `created_at`, then lifecycle rank, then event id: the greatest is the present stage. */
  readonly version: string;
  readonly eventId: string;
  /**
   * Whether the event is a registration's own. A reset (`organizations.deleted`) names an organization, and nothing in
   * Qonto's payloads says which registration stood behind it.
   */
  readonly isRegistration: boolean;
}

/** What an Onboarding API event says of a registration; null for an event that names none. */
export function readRegistrationStage(envelope: Envelope): RegistrationStage | null {
  const { id, type, resourceId, createdAt } = envelope;
  if (resourceId === null) return null;
  return {
    registrationId: resourceId,
    stage: bareEventName(type),
    at: createdAt?.iso ?? null,
    version: versionKey({ versionAt: createdAt, createdAt, lifecycleRank: onboardingRank(type), eventId: id }),
    eventId: id,
    isRegistration: type.startsWith("registrations."),
  };
}
