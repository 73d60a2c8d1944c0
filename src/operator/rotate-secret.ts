import { createRoute, z } from "@hono/zod-openapi";
import { readConfig } from "../env.ts";
import { makeSecret } from "../outbound/secrets.ts";
import type { World } from "../platform/world.ts";
import { rotateSecret } from "../store/destination-secrets.ts";
import { audited } from "./audited.ts";
import { exampleSecret } from "./destination-schema.ts";
import { badInput, behindToken, unknownId } from "./refusals.ts";
import { type OperatorApi, absentBodyIsEmpty, noQuery, notFound } from "./requests.ts";
import { json, security } from "./responses.ts";

const DEFAULT_OVERLAP_SECONDS = 86_400;
const MAX_OVERLAP_SECONDS = 30 * 86_400;

const rotation = z.strictObject({
  overlap_seconds: z.int().min(0).max(MAX_OVERLAP_SECONDS).default(DEFAULT_OVERLAP_SECONDS).openapi({
    description: "How long the present secret signs as well; 0: not at all.",
  }),
});

const route = createRoute({
  operationId: "rotateSecret",
  tags: ["Destinations"],
  method: "post",
  path: "/api/destinations/{id}/rotate-secret",
  summary: "Give a team another secret",
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
  },
});

export function addSecretRotation(api: OperatorApi, world: World): void {
  api.openapi(route, async (c) => {
    const { id } = c.req.valid("param");
    const { overlap_seconds } = c.req.valid("json");
    const now = world.now();
    const { secret, sealed } = await makeSecret(readConfig(c.env).encryptionKeys, id);
    const previousUntil = now + overlap_seconds * 1000;
    await audited(c, world, {
      action: "destination.secret_rotated",
      subject: id,
      make: async () => {
        if (!(await rotateSecret(c.env.DB, id, { sealed, previousUntil }, now))) throw notFound("destination");
      },
      after: () => ({ overlap_seconds }),
    });
    return c.json({ secret }, 200);
  });
}
