/** What becomes of an event's message: it is acknowledged when `done`, and otherwise repeated. */
export type MessageVerdict = "done" | { readonly retryInSeconds: number };

/** For an event whose lease is nearly over, whose row another consumer writes, or that cannot be loaded or read now. */
export const RETRY_SOON: MessageVerdict = { retryInSeconds: 5 };

/** A message of two events is repeated when the first of them can be handled; the other is then finished, or still busy. */
export function sooner(one: MessageVerdict, other: MessageVerdict): MessageVerdict {
  if (one === "done") return other;
  return other === "done" || one.retryInSeconds <= other.retryInSeconds ? one : other;
}
