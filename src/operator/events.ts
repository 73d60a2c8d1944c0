import { createRoute, z } from "@hono/zod-openapi";
import { parseJsonLosslessly } from "../platform/json.ts";
import { deliveriesOfEvent, readDeliveryRow } from "../store/deliveries.ts";
import { type EventSummary, findEvent, listEvents, readEventDetail } from "../store/event-list.ts";
import { delivery, showDelivery } from "./delivery-schema.ts";
import { type OperatorApi, cursorOf, encodeCursor, instant, limit, noQuery, notFound } from "./requests.ts";
import { badInput, behindToken, isoTime, json, page, security, time, unknownId } from "./responses.ts";

const summary = z
  .object({
    id: z.string(),
    source: z.enum(["business", "onboarding"]),
    type: z.string(),
    event: z.string().nullable(),
    organization_id: z.string().nullable(),
    resource_id: z.string().nullable(),
    created_at: time.nullable(),
    received_at: time,
    state: z.enum(["pending", "settled", "unmatched"]),
  })
  .openapi("Event");

const detail = summary.extend({
  payload: z.unknown().openapi({ description: "The parsed body; null when it cannot be read" }),
  body_base64: z.string().optional().openapi({ description: "Only of an event that cannot be read" }),
  deliveries: z.array(delivery),
});

const listRoute = createRoute({
  method: "get",
  path: "/api/events",
  summary: "List events, newest first",
  security,
  request: {
    query: z.strictObject({
      type: z.string().min(1).optional(),
      organization_id: z.string().min(1).optional(),
      since: instant.optional(),
      until: instant.optional(),
      limit,
      cursor: cursorOf(z.object({ receivedAt: z.number(), id: z.string() })).optional(),
    }),
  },
  responses: {
    200: json(
      page(summary),
      "`since` is inclusive, `until` is not. With a filter a page can hold few events, or none, and a cursor still: go on from there",
    ),
    ...badInput,
    ...behindToken,
  },
});

const showRoute = createRoute({
  method: "get",
  path: "/api/events/{id}",
  summary: "Show an event and what became of it",
  security,
  request: { params: z.object({ id: z.string() }), query: noQuery },
  responses: { 200: json(detail, "The event"), ...behindToken, ...unknownId },
});

export function addEvents(api: OperatorApi): void {
  api.openapi(listRoute, async (c) => {
    const { type, organization_id, since, until, cursor, limit } = c.req.valid("query");
    const { events, next } = await listEvents(c.env.DB, {
      type,
      organizationId: organization_id,
      since,
      until,
      before: cursor,
      limit,
    });
    return c.json({ data: events.map(showSummary), next_cursor: next && encodeCursor(next) }, 200);
  });

  api.openapi(showRoute, async (c) => {
    const { id } = c.req.valid("param");
    const [found, deliveries] = await c.env.DB.batch([findEvent(c.env.DB, id), deliveriesOfEvent(c.env.DB, id)]);
    const [row] = found?.results ?? [];
    if (row === undefined) throw notFound("event");
    const event = readEventDetail(row);
    const shown = {
      ...showSummary(event),
      ...(event.isUnreadable
        ? { payload: null, body_base64: event.body }
        : { payload: parseJsonLosslessly(event.body) }),
      deliveries: (deliveries?.results ?? []).map(readDeliveryRow).map(showDelivery),
    };
    return c.json(shown, 200);
  });
}

function showSummary(event: EventSummary): z.input<typeof summary> {
  return {
    id: event.id,
    source: event.source,
    type: event.type,
    event: event.event,
    organization_id: event.organizationId,
    resource_id: event.resourceId,
    created_at: event.createdAt,
    received_at: isoTime(event.receivedAt),
    state: event.state,
  };
}
