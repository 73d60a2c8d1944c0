import { z } from "@hono/zod-openapi";
import type { World } from "../platform/world.ts";
import { listDeadLetters } from "../store/dead-letters.ts";
import { deleteDeadLetter, replayDeadLetter } from "./actions/dead-letters.ts";
import { defineRoute } from "./define-route.ts";
import { type OperatorApi, encodeCursor, paging } from "./requests.ts";
import { json, page, show } from "./responses.ts";
import { deadLetter, exampleDeadLetter, replayedDeadLetter } from "./schemas/dead-letter.ts";

const tag = "Dead letters";

const list = defineRoute("get", "/api/dead-letters", {
  operationId: "listDeadLetters",
  tag,
  summary: "List dead letters, newest first",
  query: paging(z.object({ receivedAt: z.number(), id: z.string() })),
  answers: { 200: page(deadLetter, "Queue messages that failed in all their tries", exampleDeadLetter) },
});

const replaying = defineRoute("post", "/api/dead-letters/{id}/replay", {
  operationId: "replayDeadLetter",
  tag,
  summary: "Send a dead letter's message to its queue again",
  answers: { 202: json(replayedDeadLetter, "The queue has the message", { status: "replayed" }) },
  refusals: ["not_replayable"],
});

const removal = defineRoute("delete", "/api/dead-letters/{id}", {
  operationId: "dropDeadLetter",
  tag,
  summary: "Delete a dead letter",
  answers: { 204: { description: "Deleted" } },
});

export function addDeadLetters(api: OperatorApi, world: World): void {
  api.openapi(list, async (c) => {
    const { limit, cursor } = c.req.valid("query");
    const { letters, next } = await listDeadLetters(c.env.DB, { before: cursor, limit });
    const data = letters.map((letter) => show(deadLetter, letter));
    return c.json({ data, next_cursor: next && encodeCursor(next) }, 200);
  });

  api.openapi(replaying, async (c) => {
    await replayDeadLetter(c, world, c.req.valid("param").id);
    return c.json({ status: "replayed" } as const, 202);
  });

  api.openapi(removal, async (c) => {
    await deleteDeadLetter(c, world, c.req.valid("param").id);
    return c.body(null, 204);
  });
}
