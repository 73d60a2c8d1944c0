import { createRoute, z } from "@hono/zod-openapi";
import type { World } from "../platform/world.ts";
import { testDestination } from "./actions/test-destination.ts";
import { attemptOutcome } from "./delivery-schema.ts";
import { badInput, behindToken, unknownId } from "./refusals.ts";
import { type OperatorApi, absentBodyIsEmpty, noQuery } from "./requests.ts";
import { json, security } from "./responses.ts";

const testResult = z
  .object({
    outcome: attemptOutcome,
    status: z.number().nullable().openapi({ description: "Null: there was no answer." }),
    duration_ms: z.number(),
    response_excerpt: z.string().nullable(),
  })
  .openapi("TestResult");

const route = createRoute({
  operationId: "testDestination",
  tags: ["Destinations"],
  method: "post",
  path: "/api/destinations/{id}/test",
  summary: "Send a destination one signed sample event, now",
  security,
  middleware: absentBodyIsEmpty,
  request: {
    params: z.object({ id: z.string() }),
    query: noQuery,
    body: { required: false, content: { "application/json": { schema: z.strictObject({}), example: {} } } },
  },
  responses: {
    200: json(
      testResult,
      "What came of it. The event bears `x-relay-test: true` and an id that begins with `test_`; it is neither recorded nor tried again",
      { outcome: "rejected", status: 401, duration_ms: 87, response_excerpt: "no such signature" },
    ),
    ...badInput,
    ...behindToken,
    ...unknownId,
  },
});

export function addTestDelivery(api: OperatorApi, world: World): void {
  api.openapi(route, async (c) => {
    const { outcome, status, durationMs, responseExcerpt } = await testDestination(c, world, c.req.valid("param").id);
    return c.json({ outcome, status, duration_ms: durationMs, response_excerpt: responseExcerpt }, 200);
  });
}
