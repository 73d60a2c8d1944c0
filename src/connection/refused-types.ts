import type { ConnectionSubscription, RefusedTypes } from "../store/connections.ts";

/** Qonto comes to know new types. */
const TRIED_AGAIN_AFTER_MS = 86_400_000;

/** What is noted with a connection's subscriptions; null: Qonto takes all types. */
export function notedRefusal(subscriptions: readonly ConnectionSubscription[]): RefusedTypes | null {
  return subscriptions.find(({ refused }) => refused !== undefined)?.refused ?? null;
}

/** The same while it need not be tried again: the same types are wanted, and it is less than a day old. */
export function rememberedRefusal(
  subscriptions: readonly ConnectionSubscription[],
  wanted: readonly string[],
  now: number,
): RefusedTypes | null {
  const noted = notedRefusal(subscriptions);
  if (noted === null || now >= noted.triedAgainAt) return null;
  return new Set(noted.wanted).symmetricDifference(new Set(wanted)).size === 0 ? noted : null;
}

/** With what a search has found. */
export function addRefused(
  remembered: RefusedTypes | null,
  found: readonly string[],
  { wanted, now }: { readonly wanted: readonly string[]; readonly now: number },
): RefusedTypes | null {
  if (found.length === 0) return remembered;
  return { types: [...(remembered?.types ?? []), ...found], wanted, triedAgainAt: now + TRIED_AGAIN_AFTER_MS };
}
