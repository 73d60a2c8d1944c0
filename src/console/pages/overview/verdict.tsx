import type { Child } from "hono/jsx";
import type { Health } from "../../../api/judge-health.ts";
import { type StateName, State } from "../../ui/values.tsx";
import { DestinationLink, countPaused, failingDestinations } from "../../ui/destination.tsx";
import { Detail } from "./detail.tsx";
import type { OverviewFigures } from "./figures.ts";

interface VerdictProps {
  readonly health: Health;
  /** Null while D1 does not give them. */
  readonly figures: OverviewFigures | null;
}

/** Is it well? In one sentence, with what is not. */
export function Verdict({ health, figures }: VerdictProps) {
  const faults = Object.values(health.checks).filter(({ status }) => status === "degraded");
  const { state, word, sentence } = judge(faults.length > 0, figures);
  return (
    <section class={`verdict verdict-${state}`} aria-label="Is it well?">
      <p class="verdict-sentence">
        <State state={state}>{word}</State> {sentence}
      </p>
      {faults.length === 0 ? null : (
        <ul>
          {[...new Set(faults.map(({ detail }) => detail))].map((detail) => (
            <li>
              <Detail text={detail} figures={figures} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

interface Judgement {
  readonly state: StateName;
  readonly word: string;
  readonly sentence: Child;
}

function judge(isDegraded: boolean, figures: OverviewFigures | null): Judgement {
  if (isDegraded) return { state: "degraded", word: "Degraded", sentence: "Something is not as it should be." };
  const [first, ...more] = failingDestinations(figures?.destinations ?? []);
  if (first !== undefined) {
    const sentence = (
      <>
        Events arrive and are kept, but <DestinationLink destination={first} />
        {more.length === 0 ? " does not take its own." : ` and ${more.length} more do not take theirs.`}
      </>
    );
    return { state: "failing", word: "Needs a look", sentence };
  }
  return { state: "ok", word: "Well", sentence: sayWell(figures) };
}

function sayWell(figures: OverviewFigures | null): string {
  if (figures === null) return "Events are received.";
  if (figures.destinations.length === 0) return "The relay is ready. No destination is there yet to get events.";
  if (figures.ledger.ledger.received === 0) return "The relay is ready. Nothing has come within the last day.";
  return sayWhoGetsThem(figures.destinations.length, countPaused(figures.destinations));
}

function sayWhoGetsThem(destinations: number, paused: number): string {
  if (paused === 0) return "Events arrive, and each destination gets its own.";
  if (paused === destinations) {
    return `Events arrive and are kept, but ${destinations === 1 ? "the one destination" : "every destination"} is paused and gets none.`;
  }
  const others = destinations - paused === 1 ? "the other gets its own" : "the others get their own";
  return `Events arrive. ${paused === 1 ? "One destination is" : `${paused} destinations are`} paused; ${others}.`;
}
