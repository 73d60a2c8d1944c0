import type { Destination } from "../domain/destination.ts";
import type { World } from "../platform/world.ts";
import { type ClaimOutcome, claimEvents } from "../store/claims.ts";
import { recordClaimedEvents } from "../store/events.ts";
import { type ReadEvent, projectState } from "./project-state.ts";
import { type MessageVerdict, SHORTLY } from "./verdict.ts";

/** An event to handle, and who is to get it. */
export interface Claimable extends ReadEvent {
  readonly wantedBy: readonly Destination[];
}

/** Longer than first attempts and the writes around them take; short, because a dead consumer's events wait for its end. */
const LEASE_MS = 45_000;
const NEEDED_MS = 25_000;

/** Claims what is free, and writes down what only the queue has taken so far. Corrects the verdicts of the rest. */
export async function claimAll(
  claimables: readonly Claimable[],
  verdicts: Map<string, MessageVerdict>,
  { db, world }: { db: D1Database; world: Pick<World, "now"> },
): Promise<Claimable[]> {
  if (claimables.length === 0) return [];
  const now = world.now();
  const claimedUntil = now + LEASE_MS;
  const outcomes = await claimEvents(db, claimables.map(toClaim), {
    now,
    claimedUntil,
    also: projectState(db, claimables),
  });
  const missing = claimables.filter(({ event }) => !outcomes.has(event.id));
  const written = await recordClaimedEvents(
    db,
    missing.map((one) => ({ event: one.event, owed: toClaim(one).owed })),
    claimedUntil,
  );

  // A D1 that stalled may have used up the lease: then the next message about the event has better use of it.
  const isSpent = world.now() > claimedUntil - NEEDED_MS;
  return claimables.flatMap((claimable) => {
    const { event } = claimable;
    if (isSpent) {
      verdicts.set(event.id, SHORTLY);
      return [];
    }
    const outcome = outcomes.get(event.id);
    if (outcome?.state === "claimed") return { ...claimable, event: { ...event, receivedAt: outcome.receivedAt } };
    if (outcome === undefined && written.has(event.id)) return claimable;
    verdicts.set(event.id, verdictOn(outcome, now));
    return [];
  });
}

function toClaim({ event, wantedBy }: Claimable) {
  return { id: event.id, owed: wantedBy.map(({ id }) => id) };
}

/** A busy event's message stays, for should that consumer die, nothing else would bring the event back as soon. */
function verdictOn(outcome: ClaimOutcome | undefined, now: number): MessageVerdict {
  if (outcome?.state === "finished") return "done";
  if (outcome?.state !== "busy") return SHORTLY;
  return { againInSeconds: Math.ceil((outcome.claimedUntil - now) / 1000) + 1 };
}
