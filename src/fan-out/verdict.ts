/** `done`: nothing is left for the event's message to do. Otherwise it has to come again. */
export type MessageVerdict = "done" | { readonly againInSeconds: number };

/** Wait for an event that is between stores: being written by another, or beyond what fits into memory now. */
export const SHORTLY: MessageVerdict = { againInSeconds: 5 };

/** Of two events of a message: it comes again when the first of them can be handled. The other is found finished, or busy still. */
export function sooner(one: MessageVerdict, other: MessageVerdict): MessageVerdict {
  if (one === "done") return other;
  return other === "done" || one.againInSeconds <= other.againInSeconds ? one : other;
}
