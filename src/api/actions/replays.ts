import { wants } from "../../domain/destination.ts";
import type { Replay } from "../../domain/replay.ts";
import { drainNow } from "../../outbound/drain-now.ts";
import { makeSortableId } from "../../platform/sortable-id.ts";
import type { World } from "../../platform/world.ts";
import { runReplay } from "../../replay/run-replay.ts";
import type { Database } from "../../store/database.ts";
import { deliveriesOfEvent, readDeliveryRow } from "../../store/deliveries.ts";
import { enabledDestinations, findDestinations, readDestinationRow } from "../../store/destinations.ts";
import { findEvent, readEventDetail } from "../../store/event-list.ts";
import { replayDeliveries } from "../../store/replay-deliveries.ts";
import { countReplay, insertReplay } from "../../store/replays.ts";
import { refuse } from "../refusals.ts";
import { type Acting, invalidRequest, notFound } from "../requests.ts";
import { isoTime } from "../responses.ts";
import { audited } from "./audited.ts";

/** Pages of a replay that the request itself does; the cron does the rest. */
const PAGES_AT_ONCE = 10;

export interface ReplayInput {
  readonly which: Replay["which"];
  /** Earliest receipt of the events, Unix milliseconds, inclusive. */
  readonly since: number;
  /** Latest receipt, exclusive; absent: now. */
  readonly until?: number | undefined;
}

/** Replays past events to a destination, oldest first. */
export async function replayDestination(
  c: Acting,
  world: World,
  destinationId: string,
  input: ReplayInput,
  now = world.now(),
): Promise<{ readonly count: number; readonly replayId: string }> {
  const replay = await planReplay(c, destinationId, input, world);
  const { many: count } = await countReplay(c.env.DB, replay);
  await audited(c, world, {
    action: "destination.replayed",
    subject: destinationId,
    make: async () => {
      await insertReplay(c.env.DB, replay);
      await runReplay(c.env, replay, { now, maxPages: PAGES_AT_ONCE });
    },
    after: () => ({
      replay_id: replay.id,
      which: replay.which,
      since: isoTime(replay.since),
      until: isoTime(replay.until),
      count,
    }),
  });
  await drainNow(c.env, [destinationId], now);
  return { count, replayId: replay.id };
}

/** Each window costs a D1 call, and somebody waits for the preview. */
const WINDOWS_PREVIEWED = 3;

/** Counts the deliveries that a replay would make; without `isWhole` there are more. Changes nothing. */
export async function previewReplay(
  c: Acting,
  world: World,
  destinationId: string,
  input: ReplayInput,
): Promise<{ readonly many: number; readonly isWhole: boolean }> {
  return countReplay(c.env.DB, await planReplay(c, destinationId, input, world), WINDOWS_PREVIEWED);
}

async function planReplay(
  { env }: Acting,
  destinationId: string,
  { which, since, until }: ReplayInput,
  world: World,
): Promise<Replay> {
  const now = world.now();
  const [destination] = await findDestinations(env.DB, [destinationId]);
  if (destination === undefined) throw notFound("destination");
  if (until !== undefined && until <= since) throw invalidRequest([{ path: "until", message: "must be after since" }]);
  return {
    id: makeSortableId("rpl", world),
    destinationId,
    which,
    since,
    until: until ?? now + 1,
    reached: { receivedAt: since, id: "" },
    createdAt: now,
    finishedAt: null,
  };
}

/**
 * Replays an event to the named destination, or to all that want it and do not have it; returns to how many. `askedAt` is when
 * the request was first made, Unix milliseconds.
 */
export async function replayEvent(
  c: Acting,
  world: World,
  id: string,
  named: string | undefined,
  askedAt = world.now(),
): Promise<number> {
  const targets = await targetsOf(c.env.DB, id, named);
  const now = world.now();
  const destinationIds = targets.map(({ destinationId }) => destinationId);
  const replayed = await audited(c, world, {
    action: "event.replayed",
    subject: id,
    make: () => replayDeliveries(c.env.DB, targets, now, { named: named !== undefined, askedAt }),
    after: (count) => ({ destination_ids: destinationIds, count }),
  });
  await drainNow(c.env, destinationIds, now);
  return replayed;
}

/**
 * The deliveries that a replay of an event makes. A named destination gets the event even if it has it already. Before its
 * dispatch an event has none to replay: its recipients get it anyway.
 */
async function targetsOf(db: Database, eventId: string, named: string | undefined) {
  const [events, deliveryRows, destinationRows] = await db.batch([
    findEvent(db, eventId),
    deliveriesOfEvent(db, eventId),
    enabledDestinations(db),
  ]);
  const [row] = events?.results ?? [];
  if (row === undefined) throw notFound("event");
  const event = readEventDetail(row);
  const target = (destinationId: string) => ({ destinationId, eventId, receivedAt: event.receivedAt });
  if (named !== undefined) {
    const [destination] = await findDestinations(db, [named]);
    if (destination === undefined) throw notFound("destination");
    if (event.isFanningOut && !wants(destination, event)) throw refuse("too_early");
    return event.isFanningOut ? [] : [target(named)];
  }
  if (event.isFanningOut) return [];
  const deliveries = (deliveryRows?.results ?? []).map(readDeliveryRow);
  const delivered = new Set(
    deliveries.filter(({ status }) => status === "delivered").map(({ destinationId }) => destinationId),
  );
  return (destinationRows?.results ?? [])
    .map(readDestinationRow)
    .filter((destination) => wants(destination, event) && !delivered.has(destination.id))
    .map(({ id }) => target(id));
}
