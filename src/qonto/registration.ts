import { versionKey } from "../domain/version.ts";
import { bareEventName, onboardingLifecycle, onboardingRank } from "./catalogue.ts";
import type { Envelope } from "./envelope.ts";

/** An event of a registration: the stage that it reached, or its reset. */
export interface Reached {
  /** `pending`, `user_started`, …, `completed`; `deleted` when it was reset. */
  readonly stage: string;
  /** ISO 8601 in UTC; null when the event carries no date. */
  readonly at: string | null;
  readonly eventId: string;
}

/** The same, as it is stored. */
export interface RegistrationStage extends Reached {
  readonly registrationId: string;
  /** Sorts by `created_at`, then lifecycle rank, then event id: the greatest is the present stage. */
  readonly version: string;
  /**
   * Whether the event is a registration's own. A reset (`organizations.deleted`) names an organization, and Qonto's payloads do
   * not say which registration it belongs to.
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

/** A stage in the course of a registration. */
export type Place =
  | ({ readonly standing: "done" | "now" } & Reached)
  /** A later stage was reported, and this one was not. */
  | { readonly standing: "unheard"; readonly stage: string }
  | {
      readonly standing: "ahead";
      readonly stage: string;
      /** Only the creation of a company goes through it, and not in every country. */
      readonly isPossible: boolean;
    };

export interface RegistrationLine {
  /** Since the last reset, first stage to last. */
  readonly places: readonly Place[];
  /** The courses that ended in a reset, oldest first. The reset is the last stage of each. */
  readonly before: readonly (readonly Reached[])[];
}

const END = "completed";

/** Stages of every registration. Those between are for companies that are being created. */
const always = ["pending", "user_started", "contract_signed", END];

const RESET = "deleted";

const order = onboardingLifecycle.map(bareEventName).filter((stage) => stage !== RESET);

/** -1 for a stage that the catalogue does not know. */
function rankOf({ stage }: { readonly stage: string }): number {
  return order.indexOf(stage);
}

/** Arranges the stages of a registration, oldest first: what is done, the present stage, what is known to come. */
export function registrationLine(stages: readonly Reached[]): RegistrationLine {
  const lives = splitAtResets(stages);
  const present = lives.at(-1) ?? [];
  const last = present.at(-1);
  const reached = present.map((one): Place => ({ standing: one === last ? "now" : "done", ...one }));
  const places = last === undefined || last.stage === RESET ? reached : [...withUnheard(reached), ...ahead(reached)];
  return { places, before: lives.slice(0, -1) };
}

function splitAtResets(stages: readonly Reached[]): Reached[][] {
  const lives: Reached[][] = [];
  for (const [index, one] of stages.entries()) {
    if (index === 0 || stages[index - 1]?.stage === RESET) lives.push([]);
    lives.at(-1)?.push(one);
  }
  return lives;
}

/** Puts each stage that was passed unreported before the first one after it. */
function withUnheard(reached: readonly Place[]): Place[] {
  const missing = always.filter((stage) => reached.every((place) => place.stage !== stage));
  const unheard = missing.map((stage): Place => ({ standing: "unheard", stage }));
  const firstAfter = (passed: Place) => reached.find((place) => rankOf(place) > rankOf(passed));
  return reached.flatMap((place) => [...unheard.filter((passed) => firstAfter(passed) === place), place]);
}

/** The stages that follow the farthest one. Nothing follows the end. */
function ahead(reached: readonly Place[]): Place[] {
  if (reached.some(({ stage }) => stage === END)) return [];
  const farthest = Math.max(...reached.map(rankOf));
  return order
    .slice(farthest + 1)
    .map((stage): Place => ({ standing: "ahead", stage, isPossible: !always.includes(stage) }));
}
