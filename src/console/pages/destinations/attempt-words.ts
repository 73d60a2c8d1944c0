import type { Attempt, Outcome } from "../../../domain/delivery.ts";
import type { Destination } from "../../../domain/destination.ts";
import { durationInWords } from "../../ui/values.tsx";

/** What a destination answered, as the end of a sentence. */
export function answerInWords({ outcome, status, durationMs }: Attempt): string {
  const after = durationInWords(durationMs);
  switch (outcome) {
    case "delivered":
      return `${status ?? "a success"} after ${after}`;
    case "gone":
      return `410 after ${after}: it wants no more`;
    case "redirected":
      return `${status ?? "a redirect"} after ${after}: a redirect, which is never followed`;
    case "rejected":
      return `${status ?? "a refusal"} after ${after}`;
    case "timed_out":
      return `nothing within ${after}`;
    case "unreachable":
      return "nothing: it could not be reached";
    case "refused":
      return "nothing: the relay did not send it";
    case "filtered":
      return "nothing: it was not sent, for the destination no longer wants such events";
    case "removed":
      return "nothing: it was not sent, for the destination was removed";
  }
}

const remedies: Readonly<Record<Exclude<Outcome, "delivered" | "rejected">, string>> = {
  gone: "The destination's own endpoint said that it wants no more. Ask there before you resume it.",
  redirected: "Change the URL to the one that it leads to.",
  timed_out: "The destination should answer before it works on the event. Otherwise raise its time limit.",
  unreachable: "See whether the URL is right, and the destination's DNS, certificate and firewall.",
  refused: "Mend what the relay says of it: the URL, or the encryption keys.",
  filtered: "Send it again to this destination by name, if it is to have it all the same.",
  removed: "Send it again to a destination that is there.",
};

const remediesOfStatus: Readonly<Record<number, string>> = {
  400: "The destination does not take what is sent: see its own log.",
  403: "Something in front of the destination keeps the relay out, or its signature does not match: see its own log.",
  404: "Nothing is at this URL: change it, or mend the destination's route.",
  405: "The destination takes no POST at this URL: change it, or mend the destination's route.",
  413: "The destination takes only smaller bodies: raise its limit. Qonto's events can have a megabyte.",
  429: "The destination gets more than it takes: give it a pace, by “Most attempts a second” under Edit.",
};

/** What to do about an attempt that failed. */
export function remedyOf({ outcome, status }: Attempt, { previousSecrets }: Destination, now: number): string {
  if (outcome === "delivered") return "";
  if (outcome !== "rejected") return remedies[outcome];
  if (status === 401) return remedyOfSecret(previousSecrets.map(({ until }) => until).at(-1), now);
  const known = status === null ? undefined : remediesOfStatus[status];
  return known ?? "That is a fault of the destination's own: see its log at this time.";
}

/** `until`: of the secret before the present one. */
function remedyOfSecret(until: number | undefined, now: number): string {
  const check =
    "The destination does not know the signature. Does it have the present secret, and verify the raw body?";
  if (until === undefined) return `${check} If it has lost it, rotate the secret without an overlap.`;
  return until > now
    ? `${check} The secret was rotated; the one before still signs as well.`
    : `${check} The secret was rotated, and the one before signs no more: if the destination missed the new one, rotate again.`;
}
