import { z } from "@hono/zod-openapi";
import { readConfig } from "../env.ts";
import { digestOf } from "../platform/digest.ts";
import { makeSortableId } from "../platform/sortable-id.ts";
import type { World } from "../platform/world.ts";
import { findDestination } from "../store/destinations.ts";
import { type NamedToken, deleteToken, findToken, insertToken, listTokens } from "../store/tokens.ts";
import { audited } from "./actions/audited.ts";
import { makeTokenText } from "./authenticate.ts";
import { defineRoute } from "./define-route.ts";
import { worldOf } from "./idempotency.ts";
import { type ActionContext, type OperatorApi, encodeCursor, existing, invalidRequest, paging } from "./requests.ts";
import { json, page, show, toPage } from "./responses.ts";
import { createdToken, exampleToken, exampleTokenInput, token, tokenInput } from "./schemas/token.ts";

const creation = defineRoute("post", "/api/tokens", {
  operationId: "createToken",
  tag: "Tokens",
  summary: "Create a named token",
  body: { schema: tokenInput, example: exampleTokenInput },
  answers: {
    201: json(createdToken, "Created. The token is shown only once", {
      ...exampleToken,
      token: `qrt_${"A".repeat(80)}`,
    }),
  },
});

const list = defineRoute("get", "/api/tokens", {
  operationId: "listTokens",
  tag: "Tokens",
  summary: "List the named tokens",
  query: paging(z.object({ id: z.string() })),
  answers: { 200: page(token, "In order of creation", exampleToken) },
});

const revocation = defineRoute("delete", "/api/tokens/{id}", {
  operationId: "revokeToken",
  tag: "Tokens",
  summary: "Revoke a named token at once",
  answers: { 204: { description: "Revoked" } },
});

export function addTokens(api: OperatorApi, world: World): void {
  api.openapi(creation, async (c) => {
    const { created, text } = await createToken(c, worldOf(c, world), c.req.valid("json"));
    return c.json({ ...show(token, created), token: text }, 201);
  });

  api.openapi(list, async (c) => {
    const { limit, cursor } = c.req.valid("query");
    const rows = await listTokens(c.env.DB, cursor?.id ?? "", limit + 1);
    const shown = toPage(rows, limit, { show: (row) => show(token, row), cursorAt: ({ id }) => encodeCursor({ id }) });
    return c.json(shown, 200);
  });

  api.openapi(revocation, async (c) => {
    const { id, name, access, destinationId } = existing(await findToken(c.env.DB, c.req.valid("param").id), "token");
    await audited(c, world, {
      action: "token.revoked",
      subject: id,
      before: { name, access, destination_id: destinationId },
      make: () => deleteToken(c.env.DB, id),
    });
    return c.body(null, 204);
  });
}

async function createToken(c: ActionContext, world: World, input: z.output<typeof tokenInput>) {
  const { name, access, destination_id: destinationId = null } = input;
  const id = makeSortableId("tok", world);
  const created: NamedToken = { id, name, access, destinationId, createdAt: world.now(), lastUsedAt: null };
  const text = await makeTokenText(readConfig(c.env), world);
  await audited(c, world, {
    action: "token.created",
    subject: id,
    make: async () => {
      if (await insertToken(c.env.DB, created, await digestOf(text))) return;
      const isUnknown = destinationId !== null && (await findDestination(c.env.DB, destinationId)) === null;
      throw invalidRequest([
        isUnknown ? { path: "destination_id", message: "is no destination" } : { path: "name", message: "is taken" },
      ]);
    },
    after: () => ({ name, access, destination_id: destinationId }),
  });
  return { created, text };
}
