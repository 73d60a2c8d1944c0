import { createRoute, z } from "@hono/zod-openapi";
import type { Destination } from "../domain/destination.ts";
import { type Env, readConfig } from "../env.ts";
import { destinationUrlFault } from "../outbound/destination-url.ts";
import { makeSecret } from "../outbound/secrets.ts";
import { wakeNow } from "../outbound/wake-now.ts";
import type { World } from "../platform/world.ts";
import { endPendingDeliveries } from "../store/deliveries.ts";
import { bringDeliveriesForward } from "../store/destination-health.ts";
import {
  type DestinationReport,
  changeDestination,
  deleteDestination,
  findDestination,
  insertDestination,
  listDestinations,
} from "../store/destinations.ts";
import {
  change,
  creation,
  destination,
  exampleCreation,
  exampleDestination,
  exampleSecret,
  showDestination,
  wishNames,
} from "./destination-schema.ts";
import { audited } from "./audited.ts";
import { badInput, behindToken, unknownId } from "./refusals.ts";
import {
  type OperatorApi,
  cursorOf,
  encodeCursor,
  invalidRequest,
  limit,
  noQuery,
  notFound,
  requireJson,
} from "./requests.ts";
import { json, page, pageOf, security, toPage } from "./responses.ts";
import { makeSortableId } from "../platform/sortable-id.ts";

const DEFAULT_TIMEOUT_MS = 10_000;

/** Deliveries that one statement ends when a destination is removed. */
const ENDED_AT_ONCE = 1_000;

const params = z.object({ id: z.string() });

const createDestination = createRoute({
  operationId: "createDestination",
  tags: ["Destinations"],
  method: "post",
  path: "/api/destinations",
  summary: "Add a team",
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
  summary: "List teams",
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
  summary: "Show a team",
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
  summary: "Change a team",
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
  summary: "Remove a team; its pending deliveries end as dead",
  security,
  request: { params, query: noQuery },
  responses: { 204: { description: "Removed" }, ...behindToken, ...unknownId },
});

export function addDestinations(api: OperatorApi, world: World): void {
  api.openapi(createDestination, async (c) => {
    const input = c.req.valid("json");
    refuseBadUrl(input.url, c.env);
    const now = world.now();
    const id = makeSortableId("dst", now);
    const { secret, sealed } = await makeSecret(readConfig(c.env).encryptionKeys, id);
    const created: Destination = {
      id,
      url: input.url,
      description: input.description ?? null,
      types: input.types ?? [],
      organizations: input.organizations ?? null,
      enabled: input.enabled ?? true,
      retryScheduleSeconds: input.retry_schedule_seconds ?? null,
      timeoutMs: input.timeout_ms ?? DEFAULT_TIMEOUT_MS,
      maxPerSecond: input.max_per_second ?? null,
      sealedSecret: sealed,
      previousSecrets: [],
      onLane: false,
      isFailing: false,
      restingSince: null,
      nextTurnAt: null,
      createdAt: now,
      updatedAt: now,
    };
    const shown = showDestination({ ...created, ...noHistory });
    await audited(c, world, {
      action: "destination.created",
      subject: id,
      make: () => insertDestination(c.env.DB, created),
      after: () => pick(shown, wishNames),
    });
    return c.json({ ...shown, secret }, 201);
  });

  api.openapi(listRoute, async (c) => {
    const query = c.req.valid("query");
    const rows = await listDestinations(c.env.DB, query.cursor?.id ?? "", query.limit + 1);
    return c.json(
      toPage(rows, query.limit, { show: showDestination, cursorAt: ({ id }) => encodeCursor({ id }) }),
      200,
    );
  });

  api.openapi(showRoute, async (c) => c.json(showDestination(await existing(c.env, c.req.valid("param").id)), 200));

  api.openapi(changeRoute, async (c) => {
    const { id } = c.req.valid("param");
    const input = c.req.valid("json");
    if (input.url !== undefined) refuseBadUrl(input.url, c.env);
    const before = showDestination(await existing(c.env, id));
    await audited(c, world, {
      action: "destination.changed",
      subject: id,
      before: pick(before, Object.keys(input)),
      make: async () => {
        if (!(await changeDestination(c.env.DB, id, input, world.now()))) throw notFound("destination");
      },
      after: () => input,
    });
    // What it is owed need not wait for the lane to find out that it may be well again.
    if (input.enabled === true || input.url !== undefined) await bringDeliveriesForward(c.env.DB, id, world.now());
    await wakeNow(c.env, [id], world.now());
    return c.json(showDestination(await existing(c.env, id)), 200);
  });

  api.openapi(deleteRoute, async (c) => {
    const found = await existing(c.env, c.req.valid("param").id);
    await audited(c, world, {
      action: "destination.deleted",
      subject: found.id,
      before: pick(showDestination(found), wishNames),
      make: () => remove(c.env.DB, found.id, world.now()),
    });
    return c.body(null, 204);
  });
}

async function remove(db: D1Database, id: string, now: number): Promise<void> {
  // Disabled first: should this be cut short, the destination is still there to be removed again.
  await changeDestination(db, id, { enabled: false }, now);
  await endAllPending(db, id);
  await deleteDestination(db, id);
  await endAllPending(db, id);
}

async function endAllPending(db: D1Database, destinationId: string): Promise<void> {
  while ((await endPendingDeliveries(db, destinationId, ENDED_AT_ONCE)) === ENDED_AT_ONCE);
}

const noHistory = { consecutiveFailures: 0, lastSuccessAt: null, lastFailureAt: null };

function refuseBadUrl(url: string, env: Env): void {
  const fault = destinationUrlFault(url, { allowPrivate: readConfig(env).allowPrivateDestinations });
  if (fault !== null) throw invalidRequest([{ path: "url", message: fault }]);
}

function pick(shown: object, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(shown).filter(([name]) => names.includes(name)));
}

async function existing(env: Env, id: string): Promise<DestinationReport> {
  const found = await findDestination(env.DB, id);
  if (found === null) throw notFound("destination");
  return found;
}
