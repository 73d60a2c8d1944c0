import type { Database } from "../../store/database.ts";
import { wants } from "../../domain/destination.ts";
import type { Replay } from "../../domain/replay.ts";
import { drainNow } from "../../deliver/drain-messages.ts";
import type { World } from "../../platform/world.ts";
import { runReplay } from "../../replay/run-replay.ts";
import { deliveriesOfEvent, readDeliveryRow } from "../../store/deliveries.ts";
import { enabledDestinations, findDestinations, readDestinationRow } from "../../store/destinations.ts";
import { findEvent, readEventDetail } from "../../store/event-list.ts";
import { replayDeliveries } from "../../store/replay-deliveries.ts";
import { countReplay, insertReplay } from "../../store/replays.ts";
import { makeSortableId } from "../../platform/sortable-id.ts";
import { audited } from "../audited.ts";
import { refuse } from "../refusals.ts";
import { type Acting, invalidRequest, notFound } from "../requests.ts";
import { isoTime } from "../responses.ts";

/** What a request does of a replay by itself; the cron does the rest. */
const PAGES_AT_ONCE = 10;

export interface ReplayWish {
  readonly which: Replay["which"];
  /** Of the events' receipt, Unix milliseconds, inclusive. */
  readonly since: number;
  /** Exclusive. Absent: now. */
  readonly until?: number | undefined;
}

/** Sends a destination its past, oldest first. */
export async function replayDestination(
  c: Acting,
  world: World,
  destinationId: string,
  wish: ReplayWish,
  now = world.now(),
): Promise<{ readonly count: number; readonly replayId: string }> {
  const replay = await plan(c, destinationId, wish, world);
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

/** Windows that are counted for somebody who waits for a page. */
const WINDOWS_FORESEEN = 3;

/** How many deliveries such a replay would make; not `isWhole`: at least. Changes nothing. */
export async function foreseeReplay(
  c: Acting,
  world: World,
  destinationId: string,
  wish: ReplayWish,
): Promise<{ readonly many: number; readonly isWhole: boolean }> {
  return countReplay(c.env.DB, await plan(c, destinationId, wish, world), WINDOWS_FORESEEN);
}

async function plan(
  { env }: Acting,
  destinationId: string,
  { which, since, until }: ReplayWish,
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
 * Sends an event again, to the destination that is named or to all that want it; returns to how many. `askedAt`: by the first try of
 * a request that is repeated, Unix milliseconds.
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
 * The deliveries that a replay of an event makes. A destination that is named gets it again even if it has it; otherwise those get
 * it that want it and do not have it. Before its fan-out an event needs none: it is on its way to all that want it.
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
  const [namedDestination] = named === undefined ? [] : await findDestinations(db, [named]);
  if (named !== undefined && namedDestination === undefined) throw notFound("destination");
  const statuses = new Map(
    (deliveryRows?.results ?? []).map(readDeliveryRow).map(({ destinationId, status }) => [destinationId, status]),
  );
  if (event.isOnFirstWay) {
    if (namedDestination !== undefined && !wants(namedDestination, event)) throw refuse("too_early");
    return [];
  }
  const wanting = (destinationRows?.results ?? []).map(readDestinationRow).filter((one) => wants(one, event));
  const destinationIds =
    named === undefined ? wanting.map(({ id }) => id).filter((id) => statuses.get(id) !== "delivered") : [named];
  return destinationIds.map((destinationId) => ({ destinationId, eventId, receivedAt: event.receivedAt }));
}
