import type { Database } from "../store/database.ts";
import type { Destination } from "../domain/destination.ts";
import { fanOutLease, isEnoughForFanOut } from "../domain/lease.ts";
import type { World } from "../platform/world.ts";
import { type Claim, claimEvents } from "../store/claims.ts";
import { recordClaimedEvents } from "../store/events.ts";
import type { LoadedEvent } from "./open-batch.ts";
import { updateLatestState } from "./update-latest-state.ts";
import { type MessageVerdict, RETRY_SOON } from "./verdict.ts";

/** An event to handle, and its recipients. */
export interface Claimable extends LoadedEvent {
  readonly recipients: readonly Destination[];
}

/**
 * Whose an event is, and what becomes of its message:
 *
 *   mine      this consumer makes the first attempts    acknowledged when they are recorded
 *   busy      another consumer's lease runs             repeated after it, in case that consumer has died
 *   free      the lease is nearly over, or another
 *             consumer is just writing the row          repeated shortly
 *   finished  nothing is left to do                     acknowledged
 */
interface Standing {
  readonly state: "mine" | "busy" | "free" | "finished";
  readonly claimable: Claimable;
  /** Of mine or busy, Unix milliseconds. */
  readonly leaseUntil: number;
}

export interface Claimed {
  readonly mine: readonly Claimable[];
  /** When the first of their leases ends, Unix milliseconds. */
  readonly leaseUntil: number;
  /** On the messages of all, by event id. */
  readonly verdicts: ReadonlyMap<string, MessageVerdict>;
}

interface ClaimContext {
  readonly db: Database;
  readonly world: Pick<World, "now">;
}

/**
 * Makes sure that nobody else handles the events of a batch. An event whose own message is at hand is mine by the lease with
 * which it was recorded; the others are claimed. One case slips through: the very same message twice, with two consumers at
 * the same moment. Then destinations get the event twice, under one `webhook-id`; a claim would prevent that, for one more
 * row for each event.
 */
export async function claimAll(claimables: readonly Claimable[], { db, world }: ClaimContext): Promise<Claimed> {
  const startedAt = world.now();
  const own = claimables.flatMap((claimable): Standing[] => {
    const leaseUntil = ownLease(claimable, startedAt);
    return leaseUntil === null ? [] : [{ state: "mine", claimable, leaseUntil }];
  });
  const ownIds = new Set(own.map(({ claimable }) => claimable.event.id));
  const claimed = await claim(
    claimables.filter(({ event }) => !ownIds.has(event.id)),
    { db, world },
  );

  const now = world.now();
  const standings = [...own, ...claimed].map((standing) => unlessLeaseIsOver(standing, now));
  const mine = standings.filter(({ state }) => state === "mine");
  return {
    mine: mine.map(({ claimable }) => claimable),
    leaseUntil: Math.min(...mine.map(({ leaseUntil }) => leaseUntil)),
    verdicts: new Map(standings.map((one) => [one.claimable.event.id, verdictOn(one, now)])),
  };
}

/**
 * The end of the lease with which an event was recorded, if that leaves enough time. An event whose recipients have changed
 * since is claimed, which records them again.
 */
function ownLease({ lease, recipients }: Claimable, now: number): number | null {
  if (lease === null || lease.recipients === null || !isEnoughForFanOut(lease.until, now)) return null;
  const changed = new Set(lease.recipients).symmetricDifference(new Set(recipients.map(({ id }) => id)));
  return changed.size === 0 ? lease.until : null;
}

/** Claims events, and records those that only the queue has. */
async function claim(claimables: readonly Claimable[], { db, world }: ClaimContext): Promise<Standing[]> {
  if (claimables.length === 0) return [];
  const now = world.now();
  const leaseUntil = fanOutLease(now);
  const outcomes = await claimEvents(db, claimables.map(toClaim), {
    now,
    claimedUntil: leaseUntil,
    also: updateLatestState(db, claimables),
  });
  const missing = claimables.filter(({ event }) => !outcomes.has(event.id));
  const recorded = await recordClaimedEvents(
    db,
    // Queued now, as far as D1 can tell: the message is at hand.
    missing.map((one) => ({ event: { ...one.event, receivedAt: now }, recipients: toClaim(one).recipients })),
    { claimedUntil: leaseUntil, also: updateLatestState(db, missing) },
  );
  for (const [id, receivedAt] of recorded) outcomes.set(id, { state: "mine", receivedAt, withDelivery: [] });
  return claimables.map((claimable): Standing => {
    const outcome = outcomes.get(claimable.event.id);
    switch (outcome?.state) {
      case "mine":
        return { state: "mine", claimable: asClaimed(claimable, outcome), leaseUntil };
      case "busy":
        return { state: "busy", claimable, leaseUntil: outcome.claimedUntil };
      case "finished":
        return { state: "finished", claimable, leaseUntil: 0 };
      case undefined:
        return { state: "free", claimable, leaseUntil: 0 };
    }
  });
}

/** The event gets the time of receipt of its row. Destinations that have a delivery already get no first attempt. */
function asClaimed(
  claimable: Claimable,
  { receivedAt, withDelivery }: { readonly receivedAt: number; readonly withDelivery: readonly string[] },
): Claimable {
  const recipients = claimable.recipients.filter(({ id }) => !withDelivery.includes(id));
  return { ...claimable, event: { ...claimable.event, receivedAt }, recipients };
}

function toClaim({ event, inlineBody, lease, recipients }: Claimable): Claim {
  return {
    id: event.id,
    recipients: recipients.map(({ id }) => id),
    until: lease?.until ?? null,
    body: inlineBody,
  };
}

/** A D1 that stalled may have used up a lease: then the event is left to its next message. */
function unlessLeaseIsOver(standing: Standing, now: number): Standing {
  const isOver = standing.state === "mine" && !isEnoughForFanOut(standing.leaseUntil, now);
  return isOver ? { ...standing, state: "free" } : standing;
}

function verdictOn({ state, leaseUntil }: Standing, now: number): MessageVerdict {
  switch (state) {
    case "mine":
    case "finished":
      return "done";
    case "busy":
      return { retryInSeconds: Math.max(0, Math.ceil((leaseUntil - now) / 1000)) + 1 };
    case "free":
      return RETRY_SOON;
  }
}
