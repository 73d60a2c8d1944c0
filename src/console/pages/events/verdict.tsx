import { isAttempt } from "../../../domain/delivery.ts";
import type { Child } from "hono/jsx";
import { type StateName, State, count } from "../../ui/values.tsx";
import { addresses } from "../../addresses.ts";
import { outcomeWords } from "./cells.tsx";
import type { OneEvent } from "./one-event.ts";
import { whatHappened } from "./what-happened.ts";

const looks = { delivered: "ok", pending: "failing", dead: "degraded", unmatched: "idle" } as const;
const states: Readonly<Record<OneEvent["outcome"], StateName>> = {
  delivered: "delivered",
  pending: "pending",
  dead: "dead",
  unmatched: "unmatched",
};

/** What it is, who has it, and what to do about it. */
export function EventVerdict({ found }: { readonly found: OneEvent }) {
  const { event, outcome } = found;
  const advice = advise(found);
  return (
    <section class={`verdict verdict-${looks[outcome]}`} aria-label="What it is, and who has it">
      <p class="verdict-sentence">
        <State state={states[outcome]}>{outcomeWords[outcome]}</State>{" "}
        <strong>
          <bdi>{whatHappened(event)}</bdi>
        </strong>
        {`: ${sayWhoHasIt(found)}`}
      </p>
      {advice === null ? null : <p class="help">{advice}</p>}
    </section>
  );
}

function sayWhoHasIt({ outcome, deliveries, journey }: OneEvent): string {
  if (outcome === "unmatched") return "no destination wanted it.";
  if (!journey.isFannedOut) return "it is kept, and about to be handed to the destinations that want it.";
  const [all, some] = [deliveries.length, deliveries.filter(({ status }) => status === outcome).length];
  const who =
    all === 1 ? "the destination that it is for" : `${count(some)} of the ${count(all)} destinations that it is for`;
  switch (outcome) {
    case "delivered":
      return all === 1 ? `${who} has it.` : `each of the ${count(all)} destinations that it is for has it.`;
    case "pending":
      return `${who} ${some === 1 ? "has" : "have"} yet to take it.`;
    case "dead":
      return `${who} did not take it, and it is tried no more.`;
  }
}

/** Delivered, or ended for another reason than what the destination answered. */
function wasNotSent({ status, attempts }: OneEvent["deliveries"][number]): boolean {
  return status !== "dead" || attempts.slice(-1).some((last) => !isAttempt(last));
}

function advise({ outcome, otherDestinations, deliveries }: OneEvent): Child {
  if (outcome === "dead") {
    if (deliveries.every(wasNotSent))
      return "Nobody failed: it was no longer for them. It can still be sent to a destination by name.";
    return "See what the destination answered, have it mended there, and send the event again.";
  }
  if (outcome === "unmatched") {
    return otherDestinations.some(({ wantsIt }) => wantsIt) ? (
      "A destination wants it by now: send it to all that want it."
    ) : (
      <>
        Send it to one destination below, or <a href={addresses.destinations}>add a destination</a> that wants this type
        and send it then.
      </>
    );
  }
  const isHeld = deliveries.some(({ status, destination }) => status === "pending" && destination?.enabled === false);
  return isHeld ? "A destination that is paused gets it once it is resumed." : null;
}
