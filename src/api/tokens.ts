import { createRoute, z } from "@hono/zod-openapi";
import { readConfig } from "../env.ts";
import type { World } from "../platform/world.ts";
import { type NamedToken, deleteToken, findToken, insertToken, listTokens } from "../store/tokens.ts";
import { audited } from "./audited.ts";
import { ADMIN, digestOf } from "./caller.ts";
import { worldOf } from "./idempotency.ts";
import { badInput, behindToken, unknownId } from "./refusals.ts";
import {
  type Acting,
  type OperatorApi,
  cursorOf,
  encodeCursor,
  invalidRequest,
  limit,
  noQuery,
  notFound,
  requireJson,
} from "./requests.ts";
import { isoTime, isoTimeOrNull, json, page, pageOf, security, time, toPage } from "./responses.ts";
import { makeSortableId } from "../platform/sortable-id.ts";
import { makeTokenText } from "./token-text.ts";

const wishes = z.strictObject({
  name: z
    .string()
    // An e-mail address is the name of whom Cloudflare Access lets in.
    .regex(/^[\w.-]{1,64}$/, "must be 1 to 64 letters, digits or any of . _ -")
    .refine((name) => name !== ADMIN, "is the name of ADMIN_TOKEN"),
  access: z.enum(["read", "full"]).openapi({ description: "`read`: may look and change nothing." }),
});

const token = z
  .object({
    id: z.string(),
    name: z.string(),
    access: z.enum(["read", "full"]),
    created_at: time,
    last_used_at: time.nullable().openapi({ description: "To the hour." }),
  })
  .openapi("Token");

const exampleToken = {
  id: "tok_019a935f7400a1b2c3d4e5f60718",
  name: "grafana",
  access: "read",
  created_at: "2026-11-24T10:00:00.000Z",
  last_used_at: null,
} satisfies z.input<typeof token>;

const createRouteOfToken = createRoute({
  operationId: "createToken",
  tags: ["Tokens"],
  method: "post",
  path: "/api/tokens",
  summary: "Make a named token",
  security,
  middleware: requireJson,
  request: {
    query: noQuery,
    body: {
      required: true,
      content: { "application/json": { schema: wishes, example: { name: "grafana", access: "read" } } },
    },
  },
  responses: {
    201: json(token.extend({ token: z.string() }), "Made; the token is shown this once", {
      ...exampleToken,
      token: `qrt_${"A".repeat(80)}`,
    }),
    ...badInput,
    ...behindToken,
  },
});

const listRoute = createRoute({
  operationId: "listTokens",
  tags: ["Tokens"],
  method: "get",
  path: "/api/tokens",
  summary: "List the named tokens",
  security,
  request: { query: z.strictObject({ limit, cursor: cursorOf(z.object({ id: z.string() })).optional() }) },
  responses: {
    200: json(page(token), "In the order of their making", pageOf(exampleToken)),
    ...badInput,
    ...behindToken,
  },
});

const revokeRoute = createRoute({
  operationId: "revokeToken",
  tags: ["Tokens"],
  method: "delete",
  path: "/api/tokens/{id}",
  summary: "Revoke a named token, at once",
  security,
  request: { params: z.object({ id: z.string() }), query: noQuery },
  responses: { 204: { description: "It lets nobody in any more" }, ...behindToken, ...unknownId },
});

export function addTokens(api: OperatorApi, world: World): void {
  api.openapi(createRouteOfToken, async (c) => {
    const { made, secret } = await makeToken(c, worldOf(c, world), c.req.valid("json"));
    return c.json({ ...show(made), token: secret }, 201);
  });

  api.openapi(listRoute, async (c) => {
    const { limit, cursor } = c.req.valid("query");
    const rows = await listTokens(c.env.DB, cursor?.id ?? "", limit + 1);
    return c.json(toPage(rows, limit, { show, cursorAt: ({ id }) => encodeCursor({ id }) }), 200);
  });

  api.openapi(revokeRoute, async (c) => {
    const found = await findToken(c.env.DB, c.req.valid("param").id);
    if (found === null) throw notFound("token");
    const { id, name, access } = found;
    await audited(c, world, {
      action: "token.revoked",
      subject: id,
      before: { name, access },
      make: () => deleteToken(c.env.DB, id),
    });
    return c.body(null, 204);
  });
}

async function makeToken(c: Acting, world: World, { name, access }: z.output<typeof wishes>) {
  const id = makeSortableId("tok", world);
  const made: NamedToken = { id, name, access, createdAt: world.now(), lastUsedAt: null };
  const secret = await makeTokenText(readConfig(c.env), world);
  await audited(c, world, {
    action: "token.created",
    subject: id,
    make: async () => {
      if (await insertToken(c.env.DB, made, await digestOf(secret))) return;
      throw invalidRequest([{ path: "name", message: "is taken" }]);
    },
    after: () => ({ name, access }),
  });
  return { made, secret };
}

function show({ id, name, access, createdAt, lastUsedAt }: NamedToken): z.input<typeof token> {
  return { id, name, access, created_at: isoTime(createdAt), last_used_at: isoTimeOrNull(lastUsedAt) };
}
