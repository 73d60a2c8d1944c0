import { bareEventName, onboardingLifecycle } from "./catalogue.ts";

/** An event of a registration: the stage that it reached, or its reset. */
export interface Reached {
  readonly stage: string;
  /** ISO 8601; null when the event carries no date. */
  readonly at: string | null;
  readonly eventId: string;
}

/** A place on the line of a registration's life. */
export type Place =
  | ({ readonly standing: "done" | "now" } & Reached)
  /** What comes after it has come, and of itself nothing was heard. */
  | { readonly standing: "unheard"; readonly stage: string }
  | {
      readonly standing: "ahead";
      readonly stage: string;
      /** Whether it is one that only the creation of a company goes through, and not in every country. */
      readonly isPossible: boolean;
    };

export interface RegistrationLine {
  /** The present life, first stage to last. */
  readonly places: readonly Place[];
  /** Lives that a reset ended, the first first; the reset is the last of each. */
  readonly before: readonly (readonly Reached[])[];
}

/** What every registration goes through. What lies between is for companies that are being created. */
const always = ["pending", "user_started", "contract_signed", "completed"];

const RESET = "deleted";
const END = "completed";

const order = onboardingLifecycle.map(bareEventName).filter((stage) => stage !== RESET);

/** Lays the stages of a registration, oldest first, out as a line: what is done, where it stands, what is known to come. */
export function registrationLine(stages: readonly Reached[]): RegistrationLine {
  const lives = splitAtResets(stages);
  const present = lives.at(-1) ?? [];
  const last = present.at(-1);
  if (last === undefined) return { places: [], before: [] };
  const before = lives.slice(0, -1);
  const standingOf = (one: Reached) => (one === last ? "now" : "done");
  const reached = present.map((one): Place => ({ standing: standingOf(one), ...one }));
  if (last.stage === RESET) return { places: reached, before };
  const farthest = Math.max(...present.map(({ stage }) => order.indexOf(stage)));
  return { places: [...withUnheard(reached, present), ...ahead(farthest, present)], before };
}

function splitAtResets(stages: readonly Reached[]): Reached[][] {
  const lives: Reached[][] = [];
  for (const [index, one] of stages.entries()) {
    if (index === 0 || stages[index - 1]?.stage === RESET) lives.push([]);
    lives.at(-1)?.push(one);
  }
  return lives;
}

/** Puts each stage that was passed without a word in front of the first that comes after it. */
function withUnheard(reached: readonly Place[], present: readonly Reached[]): Place[] {
  const heard = new Set(present.map(({ stage }) => stage));
  const missing = always.filter((stage) => !heard.has(stage));
  const placed = new Set<string>();
  return reached.flatMap((place) => {
    const rank = order.indexOf(place.stage);
    const passed = missing.filter((stage) => order.indexOf(stage) < rank && !placed.has(stage));
    for (const stage of passed) placed.add(stage);
    return [...passed.map((stage): Place => ({ standing: "unheard", stage })), place];
  });
}

function ahead(farthest: number, present: readonly Reached[]): Place[] {
  const heard = new Set(present.map(({ stage }) => stage));
  if (heard.has(END)) return [];
  return order
    .slice(farthest + 1)
    .map((stage): Place => ({ standing: "ahead", stage, isPossible: !always.includes(stage) }));
}
