import { z } from "@hono/zod-openapi";
import { tryDecodeUtf8 } from "../platform/json.ts";
import type { World } from "../platform/world.ts";
import { type QuarantineListing, findQuarantined, listQuarantine } from "../store/quarantine.ts";
import { dropFromQuarantine, releaseFromQuarantine } from "./actions/quarantine.ts";
import { defineRoute } from "./define-route.ts";
import { type OperatorApi, encodeCursor, existing, paging } from "./requests.ts";
import { json, page, show, toPage } from "./responses.ts";
import {
  exampleQuarantined,
  exampleQuarantinedDetail,
  quarantined,
  quarantinedDetail,
  released,
} from "./schemas/quarantine.ts";

const tag = "Quarantine";

const list = defineRoute("get", "/api/quarantine", {
  operationId: "listQuarantine",
  tag,
  summary: "List events in quarantine, newest first",
  query: paging(z.object({ receivedAt: z.number(), id: z.string() })),
  answers: { 200: page(quarantined, "Authentic, but stale or unreadable", exampleQuarantined) },
});

const detail = defineRoute("get", "/api/quarantine/{id}", {
  operationId: "showQuarantined",
  tag,
  summary: "Show an event in quarantine with its body",
  answers: { 200: json(quarantinedDetail, "The event as it was received", exampleQuarantinedDetail) },
});

const release = defineRoute("post", "/api/quarantine/{id}/release", {
  operationId: "releaseQuarantined",
  tag,
  summary: "Release an event from quarantine: accept it as if it had just arrived, once",
  answers: {
    202: json(released, "Released, now or before", { status: "released", event_id: exampleQuarantined.event_id }),
  },
});

const removal = defineRoute("delete", "/api/quarantine/{id}", {
  operationId: "dropQuarantined",
  tag,
  summary: "Delete an event in quarantine",
  answers: { 204: { description: "Deleted" } },
});

export function addQuarantine(api: OperatorApi, world: World): void {
  api.openapi(list, async (c) => {
    const { limit, cursor } = c.req.valid("query");
    const rows = await listQuarantine(c.env.DB, cursor, limit + 1);
    const cursorAt = ({ receivedAt, id }: QuarantineListing) => encodeCursor({ receivedAt, id });
    return c.json(toPage(rows, limit, { show: (row) => show(quarantined, row), cursorAt }), 200);
  });

  api.openapi(detail, async (c) => {
    const found = existing(await findQuarantined(c.env.DB, c.req.valid("param").id), "event in quarantine");
    const body = tryDecodeUtf8(found.body) ?? null;
    return c.json(show(quarantinedDetail, { ...found, body, bodyBase64: found.body.toBase64() }), 200);
  });

  api.openapi(release, async (c) => {
    const eventId = await releaseFromQuarantine(c, world, c.req.valid("param").id);
    return c.json({ status: "released", event_id: eventId } as const, 202);
  });

  api.openapi(removal, async (c) => {
    await dropFromQuarantine(c, world, c.req.valid("param").id);
    return c.body(null, 204);
  });
}
