import { createRoute, z } from "@hono/zod-openapi";
import type { Replay } from "../domain/replay.ts";
import { wants } from "../domain/destination.ts";
import { wakeNow } from "../outbound/wake-now.ts";
import type { World } from "../platform/world.ts";
import { runReplay } from "../replay/run-replay.ts";
import { deliveriesOfEvent, readDeliveryRow } from "../store/deliveries.ts";
import { enabledDestinations, findDestinations, readDestinationRow } from "../store/destinations.ts";
import { findEvent, readEventDetail } from "../store/event-list.ts";
import { countReplay, findReplay, insertReplay, replayDeliveries } from "../store/replays.ts";
import { audited } from "./audited.ts";
import { exampleDestination } from "./destination-schema.ts";
import { badInput, behindToken, conflict, refuse, unknownId } from "./refusals.ts";
import {
  type OperatorApi,
  absentBodyIsEmpty,
  instant,
  invalidRequest,
  noQuery,
  notFound,
  requireJson,
} from "./requests.ts";
import { isoTime, isoTimeOrNull, json, security, time } from "./responses.ts";

/** What a request does of a replay by itself; the cron does the rest. */
const PAGES_AT_ONCE = 10;

const exampleReplayId = "rpl_5f2b8c9e-3a41-4d7e-9c10-2b6f8e1d4a77";

const params = z.object({ id: z.string() });
const count = z.number().openapi({ description: "Deliveries that are made, or made again" });

const replayDestinationRoute = createRoute({
  operationId: "replayDestination",
  tags: ["Destinations"],
  method: "post",
  path: "/api/destinations/{id}/replay",
  summary: "Send a team its past, oldest first",
  security,
  middleware: requireJson,
  request: {
    params,
    query: noQuery,
    body: {
      required: true,
      content: {
        "application/json": {
          schema: z.strictObject({
            since: instant.openapi({ description: "Of the events' receipt, inclusive." }),
            until: instant.optional().openapi({ description: "Exclusive. Absent: now." }),
            which: z.enum(["failed", "missing", "all"]).openapi({
              description:
                "`failed`: its dead deliveries. `missing`: what it wants and was never owed. `all`: both, and what it already has.",
            }),
          }),
          example: { since: "2026-11-23T00:00:00Z", which: "missing" },
        },
      },
    },
  },
  responses: {
    202: json(z.object({ count, replay_id: z.string() }), "Begun; a long one goes on by itself", {
      count: 1_240,
      replay_id: exampleReplayId,
    }),
    ...badInput,
    ...behindToken,
    ...unknownId,
  },
});

const showReplayRoute = createRoute({
  operationId: "showReplay",
  tags: ["Destinations"],
  method: "get",
  path: "/api/replays/{id}",
  summary: "Show how far a replay has come",
  security,
  request: { params, query: noQuery },
  responses: {
    200: json(
      z.object({
        id: z.string(),
        destination_id: z.string(),
        which: z.enum(["failed", "missing", "all"]),
        since: time,
        until: time,
        reached_at: time.openapi({ description: "Receipt of the last event that was looked at." }),
        created_at: time,
        finished_at: time.nullable(),
      }),
      "The replay",
      {
        id: exampleReplayId,
        destination_id: exampleDestination.id,
        which: "missing",
        since: "2026-11-23T00:00:00.000Z",
        until: "2026-11-24T10:00:00.000Z",
        reached_at: "2026-11-23T14:30:00.000Z",
        created_at: "2026-11-24T10:00:00.000Z",
        finished_at: null,
      },
    ),
    ...behindToken,
    ...unknownId,
  },
});

const replayEventRoute = createRoute({
  operationId: "replayEvent",
  tags: ["Events"],
  method: "post",
  path: "/api/events/{id}/replay",
  summary: "Send an event again: to the team that is named, or to all that want it and do not have it",
  security,
  middleware: absentBodyIsEmpty,
  request: {
    params,
    query: noQuery,
    body: {
      required: false,
      content: {
        "application/json": {
          schema: z.strictObject({ destination_id: z.string().min(1).optional() }),
          example: { destination_id: exampleDestination.id },
        },
      },
    },
  },
  responses: {
    202: json(z.object({ count }), "On its way", { count: 1 }),
    ...conflict("too_early"),
    ...badInput,
    ...behindToken,
    ...unknownId,
  },
});

export function addReplays(api: OperatorApi, world: World): void {
  api.openapi(replayDestinationRoute, async (c) => {
    const { id: destinationId } = c.req.valid("param");
    const { since, until, which } = c.req.valid("json");
    const now = world.now();
    const [destination] = await findDestinations(c.env.DB, [destinationId]);
    if (destination === undefined) throw notFound("destination");
    if (until !== undefined && until <= since)
      throw invalidRequest([{ path: "until", message: "must be after since" }]);
    const replay: Replay = {
      id: `rpl_${crypto.randomUUID()}`,
      destinationId,
      which,
      since,
      until: until ?? now + 1,
      reached: { receivedAt: since, id: "" },
      createdAt: now,
      finishedAt: null,
    };
    const toReplay = await countReplay(c.env.DB, replay);
    await audited(c, world, {
      action: "destination.replayed",
      subject: destinationId,
      make: async () => {
        await insertReplay(c.env.DB, replay);
        await runReplay(c.env, replay, { now, maxPages: PAGES_AT_ONCE });
      },
      after: () => ({
        replay_id: replay.id,
        which,
        since: isoTime(since),
        until: isoTime(replay.until),
        count: toReplay,
      }),
    });
    await wakeNow(c.env, [destinationId], now);
    return c.json({ count: toReplay, replay_id: replay.id }, 202);
  });

  api.openapi(showReplayRoute, async (c) => {
    const replay = await findReplay(c.env.DB, c.req.valid("param").id);
    if (replay === null) throw notFound("replay");
    const shown = {
      id: replay.id,
      destination_id: replay.destinationId,
      which: replay.which,
      since: isoTime(replay.since),
      until: isoTime(replay.until),
      reached_at: isoTime(replay.reached.receivedAt),
      created_at: isoTime(replay.createdAt),
      finished_at: isoTimeOrNull(replay.finishedAt),
    };
    return c.json(shown, 200);
  });

  api.openapi(replayEventRoute, async (c) => {
    const { id } = c.req.valid("param");
    const { destination_id: named } = c.req.valid("json");
    const targets = await targetsOf(c.env.DB, id, named);
    const now = world.now();
    const destinationIds = targets.map(({ destinationId }) => destinationId);
    const replayed = await audited(c, world, {
      action: "event.replayed",
      subject: id,
      make: () => replayDeliveries(c.env.DB, targets, now),
      after: (count) => ({ destination_ids: destinationIds, count }),
    });
    await wakeNow(c.env, destinationIds, now);
    return c.json({ count: replayed }, 202);
  });
}

/**
 * The deliveries that a replay of an event makes. A team that is named gets it again even if it has it; otherwise those get
 * it that want it and do not have it. Before its fan-out an event needs none: it is on its way to all that want it.
 */
async function targetsOf(db: D1Database, eventId: string, named: string | undefined) {
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
  if (event.state === "pending" && statuses.size === 0) {
    if (namedDestination !== undefined && !wants(namedDestination, event)) throw refuse("too_early");
    return [];
  }
  const wanting = (destinationRows?.results ?? []).map(readDestinationRow).filter((one) => wants(one, event));
  const destinationIds =
    named === undefined ? wanting.map(({ id }) => id).filter((id) => statuses.get(id) !== "delivered") : [named];
  return destinationIds.map((destinationId) => ({ destinationId, eventId, receivedAt: event.receivedAt }));
}
