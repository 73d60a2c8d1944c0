import type { Chance } from "./chance.ts";
import { type FaultKind, type Faults, drawKind } from "./faults.ts";

/** A history makes about so many requests to Qonto before everything is compared once. */
const REQUESTS = 40;

/**
 * What else goes wrong in a history with a connection to Qonto: single requests to Qonto, and what the Worker does right after
 * one, before it has written what Qonto has done.
 */
export function drawConnectionFaults(chance: Chance, others: Faults): Faults {
  if (others.isNone || chance.happens(0.3)) return others;
  const meets = new Map<number, FaultKind>();
  const follows = new Map<number, FaultKind>();
  for (let many = chance.whole(1, 5); many > 0; many -= 1) {
    const faults = chance.happens(0.5) ? meets : follows;
    // The first ones exchange a token and create a subscription.
    faults.set(chance.happens(0.5) ? chance.whole(1, 6) : chance.whole(1, REQUESTS), drawKind(chance));
  }
  let requests = 0;
  let next: FaultKind | null = null;
  return {
    ...others,
    next: (door, now, caller) => {
      const other = others.next(door, now, caller);
      if (door === "qonto") {
        requests += 1;
        next = follows.get(requests) ?? null;
        return meets.get(requests) ?? other;
      }
      if (door !== "database" || (caller !== "cron" && caller !== "retry")) return other;
      const following = next;
      next = null;
      return following ?? other;
    },
  };
}
