import { countByStatus } from "../domain/delivery.ts";
import { type Destination, LONGEST_UNATTENDED_MS } from "../domain/destination.ts";
import { LEASE_MS, type Turn, afterVisit, turnOf } from "../domain/turn.ts";
import { logFailure, logLine } from "../platform/log.ts";
import { withTimeout } from "../platform/timeout.ts";
import { type Attempted, type Job, attemptAll } from "../outbound/attempt-all.ts";
import { type Concluding, conclude } from "../outbound/conclude.ts";
import type { Posting } from "../outbound/post.ts";
import { type Wake, restMs, scheduleWakes } from "../outbound/schedule.ts";
import { findDestinations } from "../store/destinations.ts";
import { type LaneClaimed, claimDue, endTurns } from "../store/lane.ts";
import { explained } from "../store/schema.ts";

export interface Visiting extends Concluding {
  readonly config: Posting["config"];
}

/** After this a visit begins no further attempt: it has to end well before its lease does. */
const BEGIN_WITHIN_MS = 5_000;

/** Until then it may ask an overloaded D1 again: the platform ends it soon after, and it has to send for what is left. */
const WRITE_WITHIN_MS = 25_000;

/** What a visit needs of its lease. */
const NEEDED_MS = 50_000;

/** A destination whose turn it is. */
interface Visit {
  readonly destination: Destination;
  readonly turn: Turn;
}

/**
 * Visits destinations for which something is due, and makes the attempts that each one's turn allows; where it is another's
 * turn, that one sends for what comes meanwhile. What D1 says counts: the messages only say where to look. The claims are held
 * by D1, so the attempts go on behind the batch: no slow team holds up the messages that wait for others.
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

  const behind: Promise<unknown>[] = [];
  const goOn = (work: Promise<unknown>) => {
    behind.push(work);
    visiting.waitUntil(work);
  };
  goOn(serve(visits, lane, { ...visiting, waitUntil: goOn }));
  await withTimeout(allOf(behind), attendedMs(lane.jobs), world);
}

/** All of a list that may grow meanwhile. */
async function allOf(works: readonly Promise<unknown>[]): Promise<void> {
  for (const work of works) await work;
}

/** How much of the longest attempt the batch must wait for, because the platform grants less without it. */
function attendedMs(jobs: readonly Job[]): number {
  return Math.max(0, ...jobs.map(({ destination }) => destination.timeoutMs - LONGEST_UNATTENDED_MS));
}

/** Makes the attempts, writes down what came of them, and sends for what is left. */
async function serve(visits: readonly Visit[], lane: Lane, visiting: Visiting): Promise<void> {
  const { env, world, config } = visiting;
  const startedAt = world.now();
  const visited = visits.map(({ destination }) => destination.id);
  try {
    const attempted = await attemptAll(lane.jobs, BEGIN_WITHIN_MS, { world, config });
    const deliveries = await conclude(attempted, Math.min(lane.claimedUntil, startedAt + WRITE_WITHIN_MS), visiting);
    await sendForTheRest(visits, lane, attempted, visiting);
    logLine("retry", {
      visited,
      claimed: lane.jobs.length,
      event_ids: lane.jobs.map(({ event }) => event.id),
      ...countByStatus(deliveries),
      filtered: lane.claimed.flatMap(({ unwanted }) => unwanted).length,
      late: attempted.late.length,
      duration_ms: world.now() - startedAt,
    });
  } catch (error) {
    logFailure("retry", await explained(env.DB, error), { visited });
    // What was claimed is free again when the lease ends. Should this fail as well, the cron wakes the lane.
    await scheduleWakes(
      env.RETRIES,
      visited.map((destinationId) => ({ destinationId, at: lane.claimedUntil })),
      world.now(),
    ).catch((failure: unknown) => logFailure("wake-the-lane", failure));
  }
}

interface Lane {
  readonly claimed: readonly LaneClaimed[];
  readonly claimedUntil: number;
  readonly jobs: readonly Job[];
  /** Destinations of what was claimed and cannot be attempted before the lease has ended. */
  readonly unserved: readonly string[];
}

/** Claims what each visit may take, and finds what the attempts need. */
async function claimLane(visits: readonly Visit[], { env, world, tally }: Visiting): Promise<Lane> {
  const now = world.now();
  const claimedUntil = now + LEASE_MS;
  if (visits.length === 0) return { claimed: [], claimedUntil, jobs: [], unserved: [] };
  const claims = visits.map(({ destination, turn }) => ({
    destinationId: destination.id,
    limit: turn.limit,
    seenTurnAt: destination.nextTurnAt,
    takesTurn: turn.kind !== "free",
  }));
  const { claimed, events } = await claimDue(env.DB, claims, { now, claimedUntil });
  for (const { destinationId, unwanted } of claimed) {
    for (const status of unwanted)
      tally.count("qonto_relay_deliveries_total", { destination_id: destinationId, status });
  }
  // A D1 that stalled may have used up the lease.
  if (world.now() > claimedUntil - NEEDED_MS) {
    return { claimed: [], claimedUntil, jobs: [], unserved: claims.map(({ destinationId }) => destinationId) };
  }
  const destinations = new Map(visits.map(({ destination }) => [destination.id, destination]));
  const jobs = claimed.flatMap(({ destinationId, deliveries }) =>
    deliveries.flatMap((delivery): Job[] => {
      const destination = destinations.get(destinationId);
      const event = events.get(delivery.eventId);
      return destination && event ? [{ delivery, destination, event }] : [];
    }),
  );
  return { claimed, claimedUntil, jobs, unserved: unloaded(claimed, jobs) };
}

/** Claimed, but for want of memory not loaded. */
function unloaded(claimed: readonly LaneClaimed[], jobs: readonly Job[]): string[] {
  const loaded = Map.groupBy(jobs, ({ destination }) => destination.id);
  return claimed
    .filter(({ destinationId, deliveries }) => deliveries.length > (loaded.get(destinationId)?.length ?? 0))
    .map(({ destinationId }) => destinationId);
}

/** Gives back the turns that were held, and wakes the lane for what is left. */
async function sendForTheRest(
  visits: readonly Visit[],
  lane: Lane,
  { results, late }: Attempted,
  { env, world }: Visiting,
): Promise<void> {
  const now = world.now();
  const begun = [...results.filter(({ attempt }) => attempt !== null), ...late].map(({ job }) => job.destination.id);
  const slow = new Set(late.map(({ job }) => job.destination.id));
  const putOff = new Set(results.filter(({ attempt }) => attempt === null).map(({ job }) => job.destination.id));
  const claimedBy = new Map(lane.claimed.map((claimed) => [claimed.destinationId, claimed]));
  const wakes: Wake[] = lane.unserved.map((destinationId) => ({ destinationId, at: lane.claimedUntil }));
  const endedTurns: { destinationId: string; nextTurnAt: number | null }[] = [];
  for (const { destination, turn } of visits) {
    const claimed = claimedBy.get(destination.id);
    if (claimed === undefined) continue;
    const visited = {
      claimed: claimed.deliveries.length,
      isFull: claimed.deliveries.length + claimed.unwanted.length >= turn.limit,
      begun: begun.filter((id) => id === destination.id).length,
      hasPutOff: putOff.has(destination.id),
      nextDueAt: claimed.nextDueAt,
      restMs: slow.has(destination.id) ? restMs(destination) : 0,
    };
    const { endsTurn, nextTurnAt, wakeAt } = afterVisit(turn, visited, now);
    if (endsTurn) endedTurns.push({ destinationId: destination.id, nextTurnAt });
    if (wakeAt !== null) wakes.push({ destinationId: destination.id, at: wakeAt });
  }
  await endTurns(env.DB, endedTurns, { now, claimedUntil: lane.claimedUntil });
  await scheduleWakes(env.RETRIES, wakes, now);
}
