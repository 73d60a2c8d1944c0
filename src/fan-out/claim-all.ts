import type { Database } from "../store/database.ts";
import type { Destination } from "../domain/destination.ts";
import { claimedLease, isLongEnough } from "../domain/lease.ts";
import type { World } from "../platform/world.ts";
import { type Claim, type ClaimOutcome, claimEvents } from "../store/claims.ts";
import { recordClaimedEvents } from "../store/events.ts";
import type { LoadedEvent } from "./load-batch.ts";
import { projectState } from "./project-state.ts";
import { type MessageVerdict, SHORTLY } from "./verdict.ts";

/** An event to handle, and who is to get it. */
export interface Claimable extends LoadedEvent {
  readonly wantedBy: readonly Destination[];
}

/** What is this consumer's to handle, and what is to become of the messages of the rest, by event id. */
export interface Claimed {
  readonly claimed: readonly Claimable[];
  /** When the first of their leases ends, Unix milliseconds. */
  readonly leaseUntil: number;
  readonly verdicts: ReadonlyMap<string, MessageVerdict>;
}

type Won = Omit<Extract<ClaimOutcome, { readonly state: "claimed" }>, "state">;

interface Claiming {
  readonly db: Database;
  readonly world: Pick<World, "now">;
}

/**
 * Makes sure that nobody else handles the events of a batch: those are held by the lease with which they were recorded, the
 * others are claimed. One case slips through, the very same message twice and in the hands of two consumers at the same
 * moment: then a destination gets the event twice, under one `webhook-id`. A claim would tell, for a row written for each event.
 */
export async function claimAll(claimables: readonly Claimable[], { db, world }: Claiming): Promise<Claimed> {
  const now = world.now();
  const { held = [], open = [] } = Object.groupBy(claimables, (one) => (isHeld(one, now) ? "held" : "open"));
  const { claimed, leaseUntil, verdicts } = await claimOpen(open, { db, world });
  // The claim of the others may have taken its time.
  const { still = [], spent = [] } = Object.groupBy(held, (one) => (isHeld(one, world.now()) ? "still" : "spent"));
  return {
    claimed: [...still, ...claimed],
    leaseUntil: Math.min(leaseUntil, ...still.map(({ lease }) => lease?.until ?? leaseUntil)),
    verdicts: new Map([...verdicts, ...spent.map(({ event }) => [event.id, SHORTLY] as const)]),
  };
}

/** If destinations have come or gone since the event was recorded, it is claimed, for its recipients to be found again. */
function isHeld({ lease, wantedBy }: Claimable, now: number): boolean {
  if (lease === null || lease.recipients === null || !isLongEnough(lease.until, now)) return false;
  return new Set(lease.recipients).symmetricDifference(new Set(wantedBy.map(({ id }) => id))).size === 0;
}

/** Claims what is free, and writes down what only the queue has taken so far. */
async function claimOpen(claimables: readonly Claimable[], { db, world }: Claiming): Promise<Claimed> {
  const now = world.now();
  const claimedUntil = claimedLease(now);
  if (claimables.length === 0) return { claimed: [], leaseUntil: claimedUntil, verdicts: new Map() };
  const outcomes = await claimEvents(db, claimables.map(toClaim), {
    now,
    claimedUntil,
    also: projectState(db, claimables),
  });
  const missing = claimables.filter(({ event }) => !outcomes.has(event.id));
  const written = await recordClaimedEvents(
    db,
    // Queued now, as far as D1 can tell: its message is at hand.
    missing.map((one) => ({ event: { ...one.event, receivedAt: now }, recipients: toClaim(one).recipients })),
    { claimedUntil, also: projectState(db, missing) },
  );

  const claimed: Claimable[] = [];
  const verdicts = new Map<string, MessageVerdict>();
  // A D1 that stalled may have used up the lease: then the next message about the event has better use of it.
  const isSpent = !isLongEnough(claimedUntil, world.now());
  for (const claimable of claimables) {
    const { event } = claimable;
    const outcome = outcomes.get(event.id);
    const writtenAt = written.get(event.id);
    if (isSpent) verdicts.set(event.id, SHORTLY);
    else if (writtenAt !== undefined) claimed.push(asClaimed(claimable, { receivedAt: writtenAt, given: [] }));
    else if (outcome?.state !== "claimed") verdicts.set(event.id, verdictOn(outcome, now));
    else claimed.push(asClaimed(claimable, outcome));
  }
  return { claimed, leaseUntil: claimedUntil, verdicts };
}

/** The row's time of receipt counts: it is that of its recording, and may have come by another request than the message. */
function asClaimed({ event, wantedBy, ...rest }: Claimable, { receivedAt, given }: Won): Claimable {
  return { ...rest, event: { ...event, receivedAt }, wantedBy: wantedBy.filter(({ id }) => !given.includes(id)) };
}

function toClaim({ event, isCarried, lease, wantedBy }: Claimable): Claim {
  return {
    id: event.id,
    recipients: wantedBy.map(({ id }) => id),
    until: lease?.until ?? null,
    body: isCarried ? event.body : null,
  };
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
