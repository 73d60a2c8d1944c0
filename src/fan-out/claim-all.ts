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

/** What was claimed, and what is to become of the messages of the rest, by event id. */
export interface Claimed {
  readonly claimed: readonly Claimable[];
  readonly verdicts: ReadonlyMap<string, MessageVerdict>;
}

/** Claims what is free, and writes down what only the queue has taken so far. */
export async function claimAll(
  claimables: readonly Claimable[],
  { db, world }: { db: D1Database; world: Pick<World, "now"> },
): Promise<Claimed> {
  if (claimables.length === 0) return { claimed: [], verdicts: new Map() };
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

  const claimed: Claimable[] = [];
  const verdicts = new Map<string, MessageVerdict>();
  // A D1 that stalled may have used up the lease: then the next message about the event has better use of it.
  const isSpent = world.now() > claimedUntil - NEEDED_MS;
  for (const claimable of claimables) {
    const { event } = claimable;
    const outcome = outcomes.get(event.id);
    if (isSpent) verdicts.set(event.id, SHORTLY);
    else if (written.has(event.id)) claimed.push(claimable);
    else if (outcome?.state !== "claimed") verdicts.set(event.id, verdictOn(outcome, now));
    // The row's time of receipt, for it may have come by another request than the message.
    else claimed.push({ ...claimable, event: { ...event, receivedAt: outcome.receivedAt } });
  }
  return { claimed, verdicts };
}

function toClaim({ event, wantedBy }: Claimable) {
  return { id: event.id, owed: wantedBy.map(({ id }) => id) };
}

/**
 * A busy event's message stays, for should that consumer die, nothing else would bring the event back as soon. One that is
 * not claimed though its lease is over has come to nothing too often: the cron brings it back, once in a while.
 */
function verdictOn(outcome: ClaimOutcome | undefined, now: number): MessageVerdict {
  if (outcome?.state === "finished") return "done";
  if (outcome?.state !== "busy") return SHORTLY;
  if (outcome.claimedUntil <= now) return "done";
  return { againInSeconds: Math.ceil((outcome.claimedUntil - now) / 1000) + 1 };
}
