import type { Config, Env } from "../env.ts";
import { type Destination, LONGEST_UNATTENDED_MS } from "../domain/destination.ts";
import { LEASE_MS, type Turn, nextTurnAfter, turnOf } from "../domain/turn.ts";
import { logFailure, logLine } from "../platform/log.ts";
import { settleWithin } from "../platform/time-box.ts";
import type { World } from "../platform/world.ts";
import { type Attempted, type Job, attemptAll } from "../outbound/attempt-all.ts";
import { conclude } from "../outbound/conclude.ts";
import { type Wake, restMs, scheduleWakes } from "../outbound/schedule.ts";
import { findDestinations } from "../store/destinations.ts";
import { type LaneClaimed, claimDue, endTurns } from "../store/lane.ts";

export interface Visiting {
  readonly env: Pick<Env, "DB" | "RETRIES">;
  readonly config: Pick<Config, "allowPrivateDestinations">;
  readonly world: World;
  /** Lets attempts go on behind the batch. */
  readonly waitUntil: (work: Promise<unknown>) => void;
}

/** After this a visit begins no further attempt: it has to end well before its lease does. */
const BEGIN_WITHIN_MS = 5_000;

/** What a visit needs of its lease. */
const NEEDED_MS = 50_000;

/** Clocks differ: a message may come this much before what it was sent for is due. */
const EARLY_MS = 2_000;

/** What became due during a rest has had no message of its own; what is due later than this was brought forward. */
const RECOVERING_MS = LEASE_MS;

/** How soon a visit is tried again that came upon another's turn. */
const TURN_TAKEN_MS = 1_000;

/** A destination whose turn it is. */
interface Visit {
  readonly destination: Destination;
  readonly turn: Turn;
}

/**
 * Visits destinations for which something is due, and makes the attempts that each one's turn allows. What D1 says counts:
 * the messages only say where to look. The claims are held by D1, so the attempts go on behind the batch: no slow team holds
 * up the messages that wait for others.
 */
export async function visitLane(destinationIds: readonly string[], visiting: Visiting): Promise<void> {
  const { env, world } = visiting;
  const startedAt = world.now();
  const destinations = await findDestinations(env.DB, destinationIds);
  const visits = destinations.flatMap((destination): Visit[] => {
    const turn = turnOf(destination, startedAt);
    return turn === null ? [] : [{ destination, turn }];
  });
  const lane = await claimLane(visits, visiting);
  await scheduleWakes(env.RETRIES, turnsOfOthers(destinations, startedAt), world.now());

  const behind: Promise<unknown>[] = [];
  const goOn = (work: Promise<unknown>) => {
    behind.push(work);
    visiting.waitUntil(work);
  };
  goOn(serve(visits, lane, { ...visiting, waitUntil: goOn }));
  await settleWithin(allOf(behind), attendedMs(lane.jobs));
}

/** All of a list that may grow meanwhile. */
async function allOf(works: readonly Promise<unknown>[]): Promise<void> {
  for (const work of works) await work;
}

/** How much of the longest attempt the batch must wait for, because the platform grants less without it. */
function attendedMs(jobs: readonly Job[]): number {
  return Math.max(0, ...jobs.map(({ destination }) => destination.timeoutMs - LONGEST_UNATTENDED_MS));
}

/** Makes the attempts, writes down what came of them, and sends for what is left. Should it fail, the cron goes on. */
async function serve(visits: readonly Visit[], lane: Lane, visiting: Visiting): Promise<void> {
  const { env, world, config } = visiting;
  const startedAt = world.now();
  try {
    const attempted = await attemptAll(lane.jobs, BEGIN_WITHIN_MS, {
      world,
      allowPrivateDestinations: config.allowPrivateDestinations,
    });
    const deliveries = await conclude(attempted, visiting);
    const ended = await endVisits(visits, lane, visiting);
    await scheduleWakes(env.RETRIES, furtherVisits(ended, attempted, world.now()), world.now());
    logLine("retry", {
      visited: visits.map(({ destination }) => destination.id),
      claimed: lane.jobs.length,
      event_ids: lane.jobs.map(({ event }) => event.id),
      delivered: deliveries.filter(({ status }) => status === "delivered").length,
      pending: deliveries.filter(({ status }) => status === "pending").length,
      late: attempted.late.length,
      dead: deliveries.filter(({ status }) => status === "dead").length,
      duration_ms: world.now() - startedAt,
    });
  } catch (error) {
    logFailure("retry", error, { visited: visits.map(({ destination }) => destination.id) });
  }
}

interface Lane {
  readonly claimed: readonly LaneClaimed[];
  readonly claimedUntil: number;
  readonly jobs: readonly Job[];
}

/** Claims what each visit may take, and finds what the attempts need. */
async function claimLane(visits: readonly Visit[], { env, world }: Visiting): Promise<Lane> {
  const now = world.now();
  const claimedUntil = now + LEASE_MS;
  if (visits.length === 0) return { claimed: [], claimedUntil, jobs: [] };
  const claims = visits.map(({ destination, turn }) => ({
    destinationId: destination.id,
    limit: turn.limit,
    seenTurnAt: destination.nextTurnAt,
    takesTurn: turn.kind !== "free",
  }));
  const { claimed, events } = await claimDue(env.DB, claims, { now, claimedUntil });
  // A D1 that stalled may have used up the lease: then the cron wakes for these when it has ended.
  if (world.now() > claimedUntil - NEEDED_MS) return { claimed: [], claimedUntil, jobs: [] };

  const destinations = new Map(visits.map(({ destination }) => [destination.id, destination]));
  const jobs = claimed.flatMap(({ destinationId, deliveries }) =>
    deliveries.flatMap((delivery): Job[] => {
      const destination = destinations.get(destinationId);
      const event = events.get(delivery.eventId);
      // Claimed but not loaded for want of memory: it comes again when the lease ends.
      return destination && event ? [{ delivery, destination, event }] : [];
    }),
  );
  return { claimed, claimedUntil, jobs };
}

/** A visit that is over, and when the destination may be visited again, Unix milliseconds. */
interface Ended {
  readonly claimed: LaneClaimed;
  readonly turn: Turn;
  readonly nextTurnAt: number;
}

/** Gives back the turns that were held, but for a probe's, which ends with what came of it. */
async function endVisits(
  visits: readonly Visit[],
  { claimed, claimedUntil }: Lane,
  { env, world }: Visiting,
): Promise<Ended[]> {
  const now = world.now();
  const turns = new Map(visits.map(({ destination, turn }) => [destination.id, turn]));
  const held: { destinationId: string; nextTurnAt: number | null }[] = [];
  const ended: Ended[] = [];
  for (const one of claimed) {
    const turn = turns.get(one.destinationId);
    if (turn === undefined || turn.kind === "probe" || one.deliveries.length === 0) continue;
    const nextTurnAt = turn.kind === "free" ? null : nextTurnAfter(turn, one.deliveries.length, now);
    if (turn.kind !== "free") held.push({ destinationId: one.destinationId, nextTurnAt });
    ended.push({ claimed: one, turn, nextTurnAt: nextTurnAt ?? now });
  }
  await endTurns(env.DB, held, claimedUntil);
  return ended;
}

/** Where more is due, the next visit follows at once, or when its turn has come. */
function furtherVisits(ended: readonly Ended[], { late }: Attempted, now: number): Wake[] {
  const slow = new Map(late.map(({ job }) => [job.destination.id, restMs(job.destination)]));
  return ended.flatMap(({ claimed: { destinationId, nextDueAt }, turn, nextTurnAt }) => {
    const withinMs = turn.kind === "recovering" ? RECOVERING_MS : EARLY_MS;
    if (nextDueAt === null || nextDueAt > now + withinMs) return [];
    return [{ destinationId, at: Math.max(nextDueAt, nextTurnAt, now + (slow.get(destinationId) ?? 0)) }];
  });
}

/** Another visit holds the turn: this one's message must not be spent for nothing. What rests is woken for its probes. */
function turnsOfOthers(destinations: readonly Destination[], now: number): Wake[] {
  return destinations
    .filter(({ enabled, restingSince, nextTurnAt }) => enabled && restingSince === null && (nextTurnAt ?? now) > now)
    .map(({ id }) => ({ destinationId: id, at: now + TURN_TAKEN_MS }));
}
