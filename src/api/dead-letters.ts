import { createRoute, z } from "@hono/zod-openapi";
import type { World } from "../platform/world.ts";
import { type DeadLetter, listDeadLetters } from "../store/dead-letters.ts";
import { replayDeadLetter, throwAwayDeadLetter } from "./actions/dead-letters.ts";
import { badInput, behindToken, conflict, unknownId } from "./refusals.ts";
import { type OperatorApi, cursorOf, encodeCursor, limit, noQuery } from "./requests.ts";
import { isoTime, isoTimeOrNull, json, page, pageOf, security, time } from "./responses.ts";

const deadLetter = z
  .object({
    id: z.string(),
    kind: z.string(),
    event_id: z.string().nullable(),
    destination_id: z.string().nullable(),
    received_at: time,
    replayed_at: time.nullable(),
  })
  .openapi("DeadLetter");

const exampleDeadLetter = {
  id: "7d9f2c4e8b1a4f6d9e3c5a7b1d2f4e6a",
  kind: "event",
  event_id: "0b6f0c1e-7f0d-4c58-9d53-6d0f4b8f2a11",
  destination_id: null,
  received_at: "2026-11-24T10:05:00.000Z",
  replayed_at: null,
} satisfies z.input<typeof deadLetter>;

const listRoute = createRoute({
  operationId: "listDeadLetters",
  tags: ["Dead letters"],
  method: "get",
  path: "/api/dead-letters",
  summary: "List what the queues gave up on, newest first",
  security,
  request: {
    query: z.strictObject({
      limit,
      cursor: cursorOf(z.object({ receivedAt: z.number(), id: z.string() })).optional(),
    }),
  },
  responses: {
    200: json(page(deadLetter), "Messages that failed in all their tries", pageOf(exampleDeadLetter)),
    ...badInput,
    ...behindToken,
  },
});

const one = { params: z.object({ id: z.string() }), query: noQuery };

const replayRoute = createRoute({
  operationId: "replayDeadLetter",
  tags: ["Dead letters"],
  method: "post",
  path: "/api/dead-letters/{id}/replay",
  summary: "Send the message again to the queue it came from",
  security,
  request: one,
  responses: {
    202: json(z.object({ status: z.literal("replayed") }), "It is with its queue", { status: "replayed" }),
    ...conflict("not_replayable"),
    ...behindToken,
    ...unknownId,
  },
});

const dropRoute = createRoute({
  operationId: "dropDeadLetter",
  tags: ["Dead letters"],
  method: "delete",
  path: "/api/dead-letters/{id}",
  summary: "Throw a dead letter away",
  security,
  request: one,
  responses: { 204: { description: "It is gone" }, ...behindToken, ...unknownId },
});

export function addDeadLetters(api: OperatorApi, world: World): void {
  api.openapi(listRoute, async (c) => {
    const { limit, cursor } = c.req.valid("query");
    const { letters, next } = await listDeadLetters(c.env.DB, { before: cursor, limit });
    return c.json({ data: letters.map(show), next_cursor: next === null ? null : encodeCursor(next) }, 200);
  });

  api.openapi(replayRoute, async (c) => {
    await replayDeadLetter(c, world, c.req.valid("param").id);
    return c.json({ status: "replayed" } as const, 202);
  });

  api.openapi(dropRoute, async (c) => {
    await throwAwayDeadLetter(c, world, c.req.valid("param").id);
    return c.body(null, 204);
  });
}

function show(letter: DeadLetter): z.input<typeof deadLetter> {
  return {
    id: letter.id,
    kind: letter.kind,
    event_id: letter.eventId,
    destination_id: letter.destinationId,
    received_at: isoTime(letter.receivedAt),
    replayed_at: isoTimeOrNull(letter.replayedAt),
  };
}
