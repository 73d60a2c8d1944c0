import type { Attempt, Outcome } from "../domain/delivery.ts";
import { durationInWords } from "./ui/values.tsx";

/** What each outcome of an attempt means. */
export const outcomeWords: Readonly<Record<Outcome, string>> = {
  delivered: "succeeded",
  gone: "gone: the destination wants no more events",
  redirected: "a redirect that is not followed",
  rejected: "failed",
  timed_out: "timed out",
  unreachable: "unreachable",
  refused: "not sent by the relay",
  filtered: "not sent: the event no longer matches",
  removed: "not sent: the destination was deleted",
};

/** `500 after 12 ms`. For a redirect and for 410 it also says what the relay makes of it. */
export function answerInWords({ outcome, status, durationMs }: Attempt): string {
  const words = outcomeWords[outcome];
  if (status === null) return outcome === "timed_out" ? `${words} after ${durationInWords(durationMs)}` : words;
  const isTelling = outcome === "redirected" || outcome === "gone";
  return `${status} after ${durationInWords(durationMs)}${isTelling ? `, ${words}` : ""}`;
}
