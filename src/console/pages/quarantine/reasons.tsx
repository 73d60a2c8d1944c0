import type { QuarantineReason } from "../../../store/quarantine.ts";

interface Reason {
  readonly short: string;
  /** For a list. */
  readonly brief: string;
  readonly why: string;
  readonly advice: string;
}

/** Why something is kept, and what to do about it. */
export const reasons: Readonly<Record<QuarantineReason, Reason>> = {
  timestamp_too_old: {
    short: "Stale",
    brief: "signed too long before it came",
    why: "Qonto's signature holds, but it was made too long before the event came.",
    advice:
      "After an outage that is to be expected, for Qonto retries for days: release it. It is delivered once, even if it came by another way as well. Without an outage, somebody may have sent an old request again: if the body is not what you expect, delete it.",
  },
  unreadable: {
    short: "Unreadable",
    brief: "the body is not an event",
    why: "Qonto's signature holds, but the body is not an event: no JSON, or none with an id and a type.",
    advice:
      "Look at the body. Released, it goes to the destinations byte for byte, marked by its type or as unreadable; those that can make nothing of it ignore it. If it means nothing to anybody, delete it.",
  },
};
