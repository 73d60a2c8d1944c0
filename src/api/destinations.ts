import { z } from "@hono/zod-openapi";
import type { Counters } from "../domain/counters.ts";
import type { World } from "../platform/world.ts";
import { type DestinationReport, listDestinations } from "../store/destinations.ts";
import { findReplay } from "../store/replays.ts";
import {
  changeDestination,
  createDestination,
  existingDestination,
  removeDestination,
  rotateDestinationSecret,
  showDestination,
  testDestination,
} from "./actions/destinations.ts";
import { previewDestination } from "./actions/preview.ts";
import { replayDestination } from "./actions/replays.ts";
import { defineRoute } from "./define-route.ts";
import { notItsOwn, ownDestinationOf } from "./destination-access.ts";
import { worldOf } from "./idempotency.ts";
import { type OperatorApi, encodeCursor, existing, paging } from "./requests.ts";
import { json, page, show, toPage } from "./responses.ts";
import {
  createdDestination,
  destination,
  destinationChange,
  destinationInput,
  exampleDestination,
  exampleDestinationInput,
  exampleSecret,
  exampleTestResult,
  rotatedSecret,
  secretRotationInput,
  testResult,
} from "./schemas/destination.ts";
import { examplePreview, examplePreviewInput, preview, previewInput } from "./schemas/preview.ts";
import { destinationReplayInput, exampleReplay, replay, startedReplay } from "./schemas/replay.ts";

const tag = "Destinations";

const creation = defineRoute("post", "/api/destinations", {
  operationId: "createDestination",
  tag,
  summary: "Create a destination",
  body: { schema: destinationInput, example: exampleDestinationInput },
  answers: {
    201: json(createdDestination, "Created. Its secret is shown only once", {
      ...exampleDestination,
      secret: exampleSecret,
    }),
  },
});

const list = defineRoute("get", "/api/destinations", {
  operationId: "listDestinations",
  tag,
  summary: "List destinations",
  query: paging(z.object({ id: z.string() })),
  answers: { 200: page(destination, "In order of creation", exampleDestination) },
});

const detail = defineRoute("get", "/api/destinations/{id}", {
  operationId: "showDestination",
  tag,
  summary: "Show a destination",
  answers: { 200: json(destination, "The destination, without its secret", exampleDestination) },
});

const change = defineRoute("patch", "/api/destinations/{id}", {
  operationId: "changeDestination",
  tag,
  summary: "Change a destination",
  description:
    "Pending deliveries of events that it no longer wants end as dead, with the outcome `filtered`. Past events that it wants now are not sent: replay them.",
  body: { schema: destinationChange, example: { enabled: false } },
  answers: { 200: json(destination, "The changed destination", exampleDestination) },
});

const removal = defineRoute("delete", "/api/destinations/{id}", {
  operationId: "deleteDestination",
  tag,
  summary: "Remove a destination; its pending deliveries end as dead",
  answers: { 204: { description: "Removed" } },
});

const rotation = defineRoute("post", "/api/destinations/{id}/rotate-secret", {
  operationId: "rotateSecret",
  tag,
  summary: "Give a destination a new secret",
  body: { schema: secretRotationInput, example: { overlap_seconds: 3_600 }, isOptional: true },
  answers: {
    200: json(rotatedSecret, "The new secret, shown only once. Both secrets sign until the overlap ends", {
      secret: exampleSecret,
    }),
  },
  refusals: ["too_many_rotations"],
});

const test = defineRoute("post", "/api/destinations/{id}/test", {
  operationId: "testDestination",
  tag,
  summary: "Send a destination one signed sample event, now",
  body: { schema: z.strictObject({}), example: {}, isOptional: true },
  answers: {
    200: json(
      testResult,
      "The result. The event has the header `x-relay-test: true` and an id that begins with `test_`; it is neither recorded nor retried",
      exampleTestResult,
    ),
  },
});

const previewing = defineRoute("post", "/api/destinations/{id}/preview", {
  operationId: "previewDestination",
  tag,
  summary: "Show what a destination would get of the newest events with other options; nothing is changed or sent",
  body: { schema: previewInput, example: examplePreviewInput, isOptional: true },
  answers: { 200: json(preview, "What would be sent, and one event as it would look", examplePreview) },
});

const replaying = defineRoute("post", "/api/destinations/{id}/replay", {
  operationId: "replayDestination",
  tag,
  summary: "Replay past events to a destination, oldest first",
  body: { schema: destinationReplayInput, example: { since: "2026-11-23T00:00:00Z", which: "missing" } },
  answers: {
    202: json(startedReplay, "Started. A long replay continues by itself", {
      count: 1_240,
      replay_id: exampleReplay.id,
    }),
  },
});

const replayDetail = defineRoute("get", "/api/replays/{id}", {
  operationId: "showReplay",
  tag,
  summary: "Show the progress of a replay",
  answers: { 200: json(replay, "The replay", exampleReplay) },
});

export function addDestinations(api: OperatorApi, world: World, counters: Counters): void {
  api.openapi(creation, async (c) => {
    const { destination: created, secret } = await createDestination(c, worldOf(c, world), c.req.valid("json"));
    return c.json({ ...showDestination(created, world.now()), secret }, 201);
  });

  api.openapi(list, async (c) => {
    const { limit, cursor } = c.req.valid("query");
    const own = ownDestinationOf(c);
    const after = cursor?.id ?? "";
    const rows =
      own === null
        ? await listDestinations(c.env.DB, after, limit + 1)
        : [await existingDestination(c, own)].filter(({ id }) => id > after);
    const showOne = (row: DestinationReport) => showDestination(row, world.now());
    return c.json(toPage(rows, limit, { show: showOne, cursorAt: ({ id }) => encodeCursor({ id }) }), 200);
  });

  api.openapi(detail, async (c) =>
    c.json(showDestination(await existingDestination(c, c.req.valid("param").id), world.now()), 200),
  );

  api.openapi(change, async (c) => {
    const changed = await changeDestination(c, { world, counters }, c.req.valid("param").id, c.req.valid("json"));
    return c.json(showDestination(changed, world.now()), 200);
  });

  api.openapi(removal, async (c) => {
    await removeDestination(c, world, c.req.valid("param").id);
    return c.body(null, 204);
  });

  api.openapi(rotation, async (c) => {
    const { overlap_seconds } = c.req.valid("json");
    const { id } = c.req.valid("param");
    // A request repeated under its key makes the same secret, but the overlap begins when the secret is stored.
    const secret = await rotateDestinationSecret(c, worldOf(c, world), id, overlap_seconds, world.now());
    return c.json({ secret }, 200);
  });

  api.openapi(test, async (c) =>
    c.json(show(testResult, await testDestination(c, world, c.req.valid("param").id)), 200),
  );

  api.openapi(previewing, async (c) =>
    c.json(await previewDestination(c, world, c.req.valid("param").id, c.req.valid("json")), 200),
  );

  api.openapi(replaying, async (c) => {
    const { id } = c.req.valid("param");
    // A request repeated under its key is the same replay, which continues now.
    const { count, replayId } = await replayDestination(c, worldOf(c, world), id, c.req.valid("json"), world.now());
    return c.json({ count, replay_id: replayId }, 202);
  });

  api.openapi(replayDetail, async (c) => {
    const own = ownDestinationOf(c);
    const replayed = await findReplay(c.env.DB, c.req.valid("param").id);
    if (own !== null && replayed?.destinationId !== own) throw notItsOwn();
    const found = existing(replayed, "replay");
    return c.json(show(replay, { ...found, reachedAt: found.reached.receivedAt }), 200);
  });
}
