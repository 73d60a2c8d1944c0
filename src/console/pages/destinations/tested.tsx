import type { Attempt } from "../../../domain/delivery.ts";
import type { Destination } from "../../../domain/destination.ts";
import { maskIbansIn } from "../../ui/values.tsx";
import { answerInWords, remedyOf } from "./attempt-words.ts";

interface TestedProps {
  readonly attempt: Attempt;
  readonly destination: Destination;
  readonly now: number;
}

/** What the destination answered to a sample event. */
export function Tested({ attempt, destination, now }: TestedProps) {
  const isTaken = attempt.outcome === "delivered";
  const excerpt = maskIbansIn(attempt.responseExcerpt ?? "");
  return (
    <div class={`notice notice-${isTaken ? "ok" : "bad"}`} role={isTaken ? "status" : "alert"}>
      {isTaken
        ? "The destination took the test event: it answered "
        : "The destination did not take the test event: it answered "}
      {answerInWords(attempt)}. {remedyOf(attempt, destination, now)}
      {excerpt === "" ? null : (
        <p class="help">
          It said: <bdi class="destination-said">{excerpt}</bdi>
        </p>
      )}
    </div>
  );
}
