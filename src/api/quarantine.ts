import { createRoute, z } from "@hono/zod-openapi";
import { tryDecodeUtf8 } from "../platform/json.ts";
import type { World } from "../platform/world.ts";
import { type QuarantineListing, findQuarantined, listQuarantine } from "../store/quarantine.ts";
import { dropFromQuarantine, releaseFromQuarantine } from "./actions/quarantine.ts";
import { badInput, behindToken, unknownId } from "./refusals.ts";
import { type OperatorApi, cursorOf, encodeCursor, limit, noQuery, notFound } from "./requests.ts";
import { isoTime, isoTimeOrNull, json, page, pageOf, security, time, toPage } from "./responses.ts";

const listing = z
  .object({
    id: z.string(),
    event_id: z.string().nullable(),
    reason: z.enum(["timestamp_too_old", "unreadable"]),
    received_at: time,
    size_bytes: z.number(),
  })
  .openapi("Quarantined");

const detail = listing.extend({
  source: z.enum(["business", "onboarding"]),
  content_type: z.string().nullable(),
  content_encoding: z.string().nullable(),
  settled_at: time.nullable().openapi({ description: "When it was released, or found accepted by another way" }),
  body: z.string().nullable().openapi({ description: "As text; null when it is not UTF-8" }),
  body_base64: z.string(),
});

const exampleListing = {
  id: "3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea",
  event_id: "0b6f0c1e-7f0d-4c58-9d53-6d0f4b8f2a11",
  reason: "timestamp_too_old",
  received_at: "2026-11-24T10:05:00.000Z",
  size_bytes: 1_094,
} satisfies z.input<typeof listing>;

const exampleDetail = {
  ...exampleListing,
  source: "business",
  content_type: "application/json",
  content_encoding: null,
  settled_at: null,
  body: '{"id":"0b6f0c1e-7f0d-4c58-9d53-6d0f4b8f2a11","type":"v1/transactions"}',
  body_base64: "eyJpZCI6IjBiNmYwYzFlLTdmMGQtNGM1OC05ZDUzLTZkMGY0YjhmMmExMSIsInR5cGUiOiJ2MS90cmFuc2FjdGlvbnMifQ==",
} satisfies z.input<typeof detail>;

const listRoute = createRoute({
  operationId: "listQuarantine",
  tags: ["Quarantine"],
  method: "get",
  path: "/api/quarantine",
  summary: "List events in quarantine, newest first",
  security,
  request: {
    query: z.strictObject({
      limit,
      cursor: cursorOf(z.object({ receivedAt: z.number(), id: z.string() })).optional(),
    }),
  },
  responses: {
    200: json(page(listing), "Authentic, but stale or unreadable", pageOf(exampleListing)),
    ...badInput,
    ...behindToken,
  },
});

const showRoute = createRoute({
  operationId: "showQuarantined",
  tags: ["Quarantine"],
  method: "get",
  path: "/api/quarantine/{id}",
  summary: "Show an event in quarantine with its body",
  security,
  request: { params: z.object({ id: z.string() }), query: noQuery },
  responses: { 200: json(detail, "The event as it was received", exampleDetail), ...behindToken, ...unknownId },
});

const releaseRoute = createRoute({
  operationId: "releaseQuarantined",
  tags: ["Quarantine"],
  method: "post",
  path: "/api/quarantine/{id}/release",
  summary: "Send an event in quarantine down the normal road, once",
  security,
  request: { params: z.object({ id: z.string() }), query: noQuery },
  responses: {
    202: json(z.object({ status: z.literal("released"), event_id: z.string() }), "It is on its way, or has been", {
      status: "released",
      event_id: exampleListing.event_id,
    }),
    ...behindToken,
    ...unknownId,
  },
});

const dropRoute = createRoute({
  operationId: "dropQuarantined",
  tags: ["Quarantine"],
  method: "delete",
  path: "/api/quarantine/{id}",
  summary: "Throw an event in quarantine away",
  security,
  request: { params: z.object({ id: z.string() }), query: noQuery },
  responses: { 204: { description: "It is gone" }, ...behindToken, ...unknownId },
});

export function addQuarantine(api: OperatorApi, world: World): void {
  api.openapi(listRoute, async (c) => {
    const { limit, cursor } = c.req.valid("query");
    const rows = await listQuarantine(c.env.DB, cursor, limit + 1);
    const cursorAt = ({ receivedAt, id }: QuarantineListing) => encodeCursor({ receivedAt, id });
    return c.json(toPage(rows, limit, { show, cursorAt }), 200);
  });

  api.openapi(showRoute, async (c) => {
    const found = await findQuarantined(c.env.DB, c.req.valid("param").id);
    if (found === null) throw notFound("event in quarantine");
    const shown = {
      ...show(found),
      source: found.source,
      content_type: found.contentType,
      content_encoding: found.contentEncoding,
      settled_at: isoTimeOrNull(found.settledAt),
      body: tryDecodeUtf8(found.body) ?? null,
      body_base64: found.body.toBase64(),
    };
    return c.json(shown, 200);
  });

  api.openapi(releaseRoute, async (c) => {
    const { id } = c.req.valid("param");
    const eventId = await releaseFromQuarantine(c, world, id);
    return c.json({ status: "released", event_id: eventId } as const, 202);
  });

  api.openapi(dropRoute, async (c) => {
    await dropFromQuarantine(c, world, c.req.valid("param").id);
    return c.body(null, 204);
  });
}

function show(row: QuarantineListing): z.input<typeof listing> {
  return {
    id: row.id,
    event_id: row.eventId,
    reason: row.reason,
    received_at: isoTime(row.receivedAt),
    size_bytes: row.sizeBytes,
  };
}
