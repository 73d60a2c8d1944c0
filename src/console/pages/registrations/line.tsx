import type { Place, Reached } from "../../../qonto/registration-line.ts";
import { eventAddress } from "../../addresses.ts";
import { TimeOfText } from "../../ui/values.tsx";
import { stageName } from "./stage-name.ts";

const words = { done: "done", now: "now", ahead: "ahead", unheard: "no event came" } as const;
const signs = { done: "●", now: "◉", ahead: "○", unheard: "◌" } as const;

/** A registration's stages as a line: what is done, where it stands, what lies ahead. */
export function Line({ places }: { readonly places: readonly Place[] }) {
  const hasPossible = places.some((place) => place.standing === "ahead" && place.isPossible);
  return (
    <>
      <ol class="stages">
        {places.map((place) => (
          <li class={`stage stage-${place.standing}`} aria-current={place.standing === "now" ? "step" : undefined}>
            <span class="stage-sign" aria-hidden="true">
              {signs[place.standing]}
            </span>
            <span class="stage-name">
              <bdi>{stageName(place.stage)}</bdi>
            </span>
            <span class="stage-word">{wordOf(place)}</span>
            {place.standing === "done" || place.standing === "now" ? <Came reached={place} /> : null}
          </li>
        ))}
      </ol>
      {hasPossible ? (
        <p class="help">
          Stages marked “perhaps” come only where a company is being created; which of them do depends on the country.
        </p>
      ) : null}
    </>
  );
}

function wordOf(place: Place): string {
  const isPossible = place.standing === "ahead" && place.isPossible;
  return isPossible ? "perhaps" : words[place.standing];
}

function Came({ reached: { at, eventId } }: { readonly reached: Reached }) {
  return (
    <span class="stage-came">
      {at === null ? "not said when" : <TimeOfText text={at} />} <a href={eventAddress(eventId)}>event</a>
    </span>
  );
}

/** A life that is over: its stages, and the reset that ended it. */
export function Life({ stages }: { readonly stages: readonly Reached[] }) {
  return <Line places={stages.map((reached) => ({ standing: "done", ...reached }))} />;
}
