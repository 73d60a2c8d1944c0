import { createRoute, z } from "@hono/zod-openapi";
import type { Counters } from "../domain/counters.ts";
import type { World } from "../platform/world.ts";
import { listDestinations } from "../store/destinations.ts";
import {
  changeDestination,
  createDestination,
  existingDestination,
  removeDestination,
} from "./actions/destinations.ts";
import {
  change,
  creation,
  destination,
  exampleCreation,
  exampleDestination,
  exampleSecret,
  showDestination,
} from "./destination-schema.ts";
import { worldOf } from "./idempotency.ts";
import { badInput, behindToken, unknownId } from "./refusals.ts";
import { type OperatorApi, cursorOf, encodeCursor, limit, noQuery, requireJson } from "./requests.ts";
import { json, page, pageOf, security, toPage } from "./responses.ts";

const params = z.object({ id: z.string() });

const creationRoute = createRoute({
  operationId: "createDestination",
  tags: ["Destinations"],
  method: "post",
  path: "/api/destinations",
  summary: "Add a destination",
  security,
  middleware: requireJson,
  request: {
    query: noQuery,
    body: { required: true, content: { "application/json": { schema: creation, example: exampleCreation } } },
  },
  responses: {
    201: json(destination.extend({ secret: z.string() }), "Created; its secret is shown this once", {
      ...exampleDestination,
      secret: exampleSecret,
    }),
    ...badInput,
    ...behindToken,
  },
});

const listRoute = createRoute({
  operationId: "listDestinations",
  tags: ["Destinations"],
  method: "get",
  path: "/api/destinations",
  summary: "List destinations",
  security,
  request: { query: z.strictObject({ limit, cursor: cursorOf(z.object({ id: z.string() })).optional() }) },
  responses: {
    200: json(page(destination), "In the order of their making", pageOf(exampleDestination)),
    ...badInput,
    ...behindToken,
  },
});

const showRoute = createRoute({
  operationId: "showDestination",
  tags: ["Destinations"],
  method: "get",
  path: "/api/destinations/{id}",
  summary: "Show a destination",
  security,
  request: { params, query: noQuery },
  responses: {
    200: json(destination, "The destination, without its secret", exampleDestination),
    ...behindToken,
    ...unknownId,
  },
});

const changeRoute = createRoute({
  operationId: "changeDestination",
  tags: ["Destinations"],
  method: "patch",
  path: "/api/destinations/{id}",
  summary: "Change a destination",
  description:
    "Pending deliveries of events that it no longer wants end as dead, with the outcome `filtered`; widening it sends nothing by itself.",
  security,
  middleware: requireJson,
  request: {
    params,
    query: noQuery,
    body: { required: true, content: { "application/json": { schema: change, example: { enabled: false } } } },
  },
  responses: { 200: json(destination, "As changed", exampleDestination), ...badInput, ...behindToken, ...unknownId },
});

const deleteRoute = createRoute({
  operationId: "deleteDestination",
  tags: ["Destinations"],
  method: "delete",
  path: "/api/destinations/{id}",
  summary: "Remove a destination; its pending deliveries end as dead",
  security,
  request: { params, query: noQuery },
  responses: { 204: { description: "Removed" }, ...behindToken, ...unknownId },
});

export function addDestinations(api: OperatorApi, world: World, counters: Counters): void {
  api.openapi(creationRoute, async (c) => {
    const { destination, secret } = await createDestination(c, worldOf(c, world), c.req.valid("json"));
    return c.json({ ...showDestination(destination, world.now()), secret }, 201);
  });

  api.openapi(listRoute, async (c) => {
    const query = c.req.valid("query");
    const rows = await listDestinations(c.env.DB, query.cursor?.id ?? "", query.limit + 1);
    return c.json(
      toPage(rows, query.limit, {
        show: (one) => showDestination(one, world.now()),
        cursorAt: ({ id }) => encodeCursor({ id }),
      }),
      200,
    );
  });

  api.openapi(showRoute, async (c) =>
    c.json(showDestination(await existingDestination(c, c.req.valid("param").id), world.now()), 200),
  );

  api.openapi(changeRoute, async (c) => {
    const changed = await changeDestination(c, { world, counters }, c.req.valid("param").id, c.req.valid("json"));
    return c.json(showDestination(changed, world.now()), 200);
  });

  api.openapi(deleteRoute, async (c) => {
    await removeDestination(c, world, c.req.valid("param").id);
    return c.body(null, 204);
  });
}
