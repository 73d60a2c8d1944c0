import { isoTime } from "../../domain/instant.ts";
import type { Replay } from "../../domain/replay.ts";
import { drainNow } from "../../deliver/drain-messages.ts";
import type { World } from "../../platform/world.ts";
import { type ReplayInput, beginReplay, planReplay } from "../../replay/replay-destination.ts";
import { findReplayed } from "../../replay/replay-event.ts";
import { replayDeliveries } from "../../store/replay-deliveries.ts";
import { countReplay } from "../../store/replays.ts";
import { narrowed, notItsOwn, ownDestinationOf } from "../destination-access.ts";
import { refuse } from "../refusals.ts";
import { type ActionContext, invalidRequest, notFound } from "../requests.ts";
import { audited } from "./audited.ts";

/** Replays past events to a destination, oldest first. */
export async function replayDestination(
  c: ActionContext,
  world: World,
  destinationId: string,
  input: ReplayInput,
  now = world.now(),
): Promise<{ readonly count: number; readonly replayId: string }> {
  const replay = await plan(c, destinationId, input, world);
  const { many: count } = await countReplay(c.env.DB, replay);
  await audited(c, world, {
    action: "destination.replayed",
    subject: destinationId,
    make: () => beginReplay(c.env, replay, now),
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
  c: ActionContext,
  world: World,
  destinationId: string,
  input: ReplayInput,
): Promise<{ readonly many: number; readonly isWhole: boolean }> {
  return countReplay(c.env.DB, await plan(c, destinationId, input, world), WINDOWS_PREVIEWED);
}

async function plan({ env }: ActionContext, destinationId: string, input: ReplayInput, world: World): Promise<Replay> {
  const planned = await planReplay(env.DB, destinationId, input, world);
  if (planned === "unknown_destination") throw notFound("destination");
  if (planned === "until_not_after_since") throw invalidRequest([{ path: "until", message: "must be after since" }]);
  return planned;
}

/**
 * Replays an event to the named destination, or to all that want it and do not have it; returns to how many. The token of a
 * destination replays to that one alone, and only its own events. `askedAt`: when the request was first made, Unix milliseconds.
 */
export async function replayEvent(
  c: ActionContext,
  world: World,
  id: string,
  named: string | undefined,
  askedAt = world.now(),
): Promise<number> {
  const to = narrowed(c, named);
  const replayed = await findReplayed(c.env.DB, id, to, { isOwnOnly: ownDestinationOf(c) !== null });
  if (replayed === "not_its_own") throw notItsOwn();
  if (replayed === "unknown_event") throw notFound("event");
  if (replayed === "unknown_destination") throw notFound("destination");
  if (replayed === "too_early") throw refuse("too_early");
  const now = world.now();
  const { deliveries, isNamed } = replayed;
  const destinationIds = deliveries.map(({ destinationId }) => destinationId);
  const count = await audited(c, world, {
    action: "event.replayed",
    subject: id,
    make: () =>
      replayDeliveries(c.env.DB, deliveries, now, { evenDelivered: to !== undefined, named: isNamed, askedAt }),
    after: (made) => ({ destination_ids: destinationIds, count: made }),
  });
  await drainNow(c.env, destinationIds, now);
  return count;
}
