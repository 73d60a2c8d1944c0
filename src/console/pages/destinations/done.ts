import type { Destination } from "../../../domain/destination.ts";

/** What is said of what was done, by the word for it in a query. */
export const done = {
  paused: "The destination is paused. What it is owed waits; what comes meanwhile it is not owed.",
  resumed: "The destination gets events again; what waits for it is tried now.",
  changed: "The destination is changed.",
  unchanged: "Nothing was to be changed.",
  replayed: "The replay has begun; how far it is stands below.",
  "created-before":
    "The destination was added already, by the same form: there is one. Its secret was shown that once; if nobody has it, rotate it.",
  "rotated-before":
    "Nothing was rotated: the destination has been changed since that form was made. Look, and press again.",
} as const;

/** Also a destination that still fails can be resumed, which makes it no better yet. */
export function sayDone(word: keyof typeof done, { circuitOpenedAt, isFailing }: Destination): string {
  if (word !== "resumed") return done[word];
  if (circuitOpenedAt !== null) {
    return "What waits for it is being tried now: one event first, all of it once that is taken.";
  }
  return isFailing ? "What waits for it is being tried now; whether it is taken shows here in a moment." : done[word];
}
