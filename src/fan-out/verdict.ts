/** `done`: nothing is left for the event's message to do. Otherwise it has to come again. */
export type MessageVerdict = "done" | { readonly againInSeconds: number };

/** Wait for an event that is between stores: being written by another, or beyond what fits into memory now. */
export const SHORTLY: MessageVerdict = { againInSeconds: 5 };
