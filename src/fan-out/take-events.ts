import type { Database } from "../store/database.ts";
import type { Destination } from "../domain/destination.ts";
import { fanOutLease, isEnoughForFanOut } from "../domain/lease.ts";
import type { World } from "../platform/world.ts";
import { type Claim, claimEvents } from "../store/claims.ts";
import { recordClaimedEvents } from "../store/events.ts";
import type { LoadedEvent } from "./load-and-update-state.ts";
import { updateLatestState } from "./update-latest-state.ts";
import { type MessageVerdict, RETRY_SOON } from "./verdict.ts";

/** An event to dispatch, and the destinations that get it. */
export interface EventWithRecipients extends LoadedEvent {
  readonly recipients: readonly Destination[];
}

/**
 * Whose an event is, and what becomes of its message:
 *
 *   mine      this consumer makes the first attempts    acknowledged when they are recorded
 *   busy      another consumer's lease runs             repeated after it, in case that consumer has died
 *   later     its lease is nearly over, or another
 *             consumer is just writing the row          repeated shortly
 *   finished  it is dispatched, or must not be now
 *             (`ClaimOutcome` in store/claims.ts)       acknowledged
 *
 * `leaseUntil` is in Unix milliseconds.
 */
type Standing =
  | { readonly state: "mine"; readonly candidate: EventWithRecipients; readonly leaseUntil: number }
  | { readonly state: "busy"; readonly candidate: EventWithRecipients; readonly leaseUntil: number }
  | { readonly state: "later" | "finished"; readonly candidate: EventWithRecipients; readonly leaseUntil: null };

export interface TakenEvents {
  readonly mine: readonly EventWithRecipients[];
  /** When the first of their leases ends, Unix milliseconds. */
  readonly leaseUntil: number;
  /** On the messages of all, by event id. */
  readonly verdicts: ReadonlyMap<string, MessageVerdict>;
}

interface TakeContext {
  readonly db: Database;
  readonly world: Pick<World, "now">;
}

/**
 * Makes sure that nobody else dispatches the events of a chunk. An event whose own message is at hand is mine by the lease with
 * which it was recorded; the others are claimed. One case slips through: the very same message twice, with two consumers at
 * the same moment. Then destinations get the event twice, under one `webhook-id`; a claim would prevent that, for one more
 * row for each event.
 */
export async function takeEvents(
  candidates: readonly EventWithRecipients[],
  { db, world }: TakeContext,
): Promise<TakenEvents> {
  const startedAt = world.now();
  const leased = candidates.flatMap((candidate): Standing[] => {
    const leaseUntil = usableFirstLease(candidate, startedAt);
    return leaseUntil === null ? [] : [{ state: "mine", candidate, leaseUntil }];
  });
  const leasedIds = new Set(leased.map(({ candidate }) => candidate.event.id));
  const claimed = await claim(
    candidates.filter(({ event }) => !leasedIds.has(event.id)),
    { db, world },
  );

  const now = world.now();
  const standings = [...leased, ...claimed].map((standing) => unlessLeaseIsOver(standing, now));
  const mine = standings.filter((standing) => standing.state === "mine");
  return {
    mine: mine.map(({ candidate }) => candidate),
    leaseUntil: Math.min(...mine.map(({ leaseUntil }) => leaseUntil)),
    verdicts: new Map(standings.map((one) => [one.candidate.event.id, verdictOn(one, now)])),
  };
}

/**
 * The end of the lease with which an event was recorded, if that leaves enough time. An event whose recipients have changed
 * since is claimed, which records them again.
 */
function usableFirstLease({ lease, recipients }: EventWithRecipients, now: number): number | null {
  if (lease.state !== "confirmed" || !isEnoughForFanOut(lease.leaseUntil, now)) return null;
  const changed = new Set(lease.recipients).symmetricDifference(new Set(recipients.map(({ id }) => id)));
  return changed.size === 0 ? lease.leaseUntil : null;
}

/**
 * Claims events, and records those that only the queue has. Such an event passes `updateLatestState` on loading, with its claim
 * and with its recording: a body from a message counts only if the event is recorded, and its receiver's late write to D1 may
 * come at any time.
 */
async function claim(candidates: readonly EventWithRecipients[], { db, world }: TakeContext): Promise<Standing[]> {
  if (candidates.length === 0) return [];
  const now = world.now();
  const leaseUntil = fanOutLease(now);
  const outcomes = await claimEvents(db, candidates.map(toClaim), {
    now,
    leaseUntil,
    also: updateLatestState(db, candidates),
  });
  const missing = candidates.filter(({ event }) => !outcomes.has(event.id));
  const recorded = await recordClaimedEvents(
    db,
    missing.map((one) => ({ event: one.event, recipients: toClaim(one).recipients })),
    // As far as D1 can tell: the message is at hand.
    { queuedAt: now, leaseUntil, also: updateLatestState(db, missing) },
  );
  for (const [id, receivedAt] of recorded) outcomes.set(id, { state: "mine", receivedAt, withDelivery: [] });
  return candidates.map((candidate): Standing => {
    const outcome = outcomes.get(candidate.event.id);
    switch (outcome?.state) {
      case "mine":
        return { state: "mine", candidate: asClaimed(candidate, outcome), leaseUntil };
      case "busy":
        return { state: "busy", candidate, leaseUntil: outcome.leaseUntil };
      case "finished":
        return { state: "finished", candidate, leaseUntil: null };
      case undefined:
        return { state: "later", candidate, leaseUntil: null };
    }
  });
}

/** The event gets the time of receipt of its row. Destinations that have a delivery already get no first attempt. */
function asClaimed(
  candidate: EventWithRecipients,
  { receivedAt, withDelivery }: { readonly receivedAt: number; readonly withDelivery: readonly string[] },
): EventWithRecipients {
  const recipients = candidate.recipients.filter(({ id }) => !withDelivery.includes(id));
  return { ...candidate, event: { ...candidate.event, receivedAt }, recipients };
}

function toClaim({ event, inlineBody, lease, recipients }: EventWithRecipients): Claim {
  return {
    id: event.id,
    recipients: recipients.map(({ id }) => id),
    leaseUntil: lease.state === "none" ? null : lease.leaseUntil,
    body: inlineBody,
  };
}

/** A D1 that stalled may have used up a lease: then the event is left to its next message. */
function unlessLeaseIsOver(standing: Standing, now: number): Standing {
  const isOver = standing.state === "mine" && !isEnoughForFanOut(standing.leaseUntil, now);
  return isOver ? { state: "later", candidate: standing.candidate, leaseUntil: null } : standing;
}

function verdictOn({ state, leaseUntil }: Standing, now: number): MessageVerdict {
  switch (state) {
    case "mine":
    case "finished":
      return "done";
    case "busy":
      return { retryInSeconds: Math.max(0, Math.ceil((leaseUntil - now) / 1000)) + 1 };
    case "later":
      return RETRY_SOON;
  }
}
