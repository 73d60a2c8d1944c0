import { createRoute, z } from "@hono/zod-openapi";
import type { World } from "../platform/world.ts";
import { findReplay } from "../store/replays.ts";
import { replayEvent, replayDestination } from "./actions/replays.ts";
import { exampleDestination } from "./destination-schema.ts";
import { worldOf } from "./idempotency.ts";
import { badInput, behindToken, conflict, unknownId } from "./refusals.ts";
import { type OperatorApi, absentBodyIsEmpty, instant, noQuery, notFound, requireJson } from "./requests.ts";
import { isoTime, isoTimeOrNull, json, security, time } from "./responses.ts";

const exampleReplayId = "rpl_5f2b8c9e-3a41-4d7e-9c10-2b6f8e1d4a77";

const params = z.object({ id: z.string() });
const count = z.number().openapi({ description: "Deliveries that are made, or made again" });

const replayDestinationRoute = createRoute({
  operationId: "replayDestination",
  tags: ["Destinations"],
  method: "post",
  path: "/api/destinations/{id}/replay",
  summary: "Send a destination its past, oldest first",
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
  summary: "Send an event again: to the destination that is named, or to all that want it and do not have it",
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
    const { id } = c.req.valid("param");
    // Repeated under a key it is the same replay, which goes on now.
    const { count, replayId } = await replayDestination(c, worldOf(c, world), id, c.req.valid("json"), world.now());
    return c.json({ count, replay_id: replayId }, 202);
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
    const { destination_id } = c.req.valid("json");
    const askedAt = worldOf(c, world).now();
    return c.json({ count: await replayEvent(c, world, c.req.valid("param").id, destination_id, askedAt) }, 202);
  });
}
