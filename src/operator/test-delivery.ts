import { createRoute, z } from "@hono/zod-openapi";
import { readConfig } from "../env.ts";
import { sendTest } from "../outbound/test-delivery.ts";
import { wakeNow } from "../outbound/wake-now.ts";
import type { World } from "../platform/world.ts";
import { findDestination } from "../store/destinations.ts";
import { audited } from "./audited.ts";
import { attemptOutcome } from "./delivery-schema.ts";
import { badInput, behindToken, unknownId } from "./refusals.ts";
import { type OperatorApi, absentBodyIsEmpty, noQuery, notFound } from "./requests.ts";
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
  summary: "Send a team one signed sample event, now",
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
    const destination = await findDestination(c.env.DB, c.req.valid("param").id);
    if (destination === null) throw notFound("destination");
    const attempt = await audited(c, world, {
      action: "destination.tested",
      subject: destination.id,
      make: () => sendTest(destination, { world, config: readConfig(c.env) }),
      after: ({ outcome, status }) => ({ outcome, status }),
    });
    // A team that answers again need not wait for its next probe.
    if (attempt.outcome === "delivered" && destination.restingSince !== null) {
      await wakeNow(c.env, [destination.id], world.now());
    }
    return c.json(
      {
        outcome: attempt.outcome,
        status: attempt.status,
        duration_ms: attempt.durationMs,
        response_excerpt: attempt.responseExcerpt,
      },
      200,
    );
  });
}
