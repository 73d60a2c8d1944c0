import { createRoute, z } from "@hono/zod-openapi";
import type { World } from "../platform/world.ts";
import { rotateDestinationSecret } from "./actions/rotate-destination-secret.ts";
import { exampleSecret } from "./destination-schema.ts";
import { worldOf } from "./idempotency.ts";
import { badInput, behindToken, conflict, unknownId } from "./refusals.ts";
import { type OperatorApi, absentBodyIsEmpty, noQuery } from "./requests.ts";
import { json, security } from "./responses.ts";

const DEFAULT_OVERLAP_SECONDS = 86_400;
const MAX_OVERLAP_SECONDS = 30 * 86_400;

const rotation = z.strictObject({
  overlap_seconds: z.int().min(0).max(MAX_OVERLAP_SECONDS).default(DEFAULT_OVERLAP_SECONDS).openapi({
    description:
      "How long the present secret signs as well; `X-Qonto-Signature`, which has room for one, stays the oldest one's until its overlap ends. 0: not at all, and those before it end too.",
  }),
});

const route = createRoute({
  operationId: "rotateSecret",
  tags: ["Destinations"],
  method: "post",
  path: "/api/destinations/{id}/rotate-secret",
  summary: "Give a destination another secret",
  security,
  middleware: absentBodyIsEmpty,
  request: {
    params: z.object({ id: z.string() }),
    query: noQuery,
    body: {
      required: false,
      content: { "application/json": { schema: rotation, example: { overlap_seconds: 3_600 } } },
    },
  },
  responses: {
    200: json(z.object({ secret: z.string() }), "The new secret, shown this once; both sign until the overlap ends", {
      secret: exampleSecret,
    }),
    ...badInput,
    ...behindToken,
    ...unknownId,
    ...conflict("too_many_rotations"),
  },
});

export function addSecretRotation(api: OperatorApi, world: World): void {
  api.openapi(route, async (c) => {
    const { overlap_seconds } = c.req.valid("json");
    const { id } = c.req.valid("param");
    // Repeated under a key it makes the same secret, but the overlap begins when that is written down.
    const secret = await rotateDestinationSecret(c, worldOf(c, world), id, overlap_seconds, world.now());
    return c.json({ secret }, 200);
  });
}
