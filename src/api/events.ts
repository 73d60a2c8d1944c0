import { createRoute, z } from "@hono/zod-openapi";
import { isReconciled } from "../domain/event.ts";
import { parseJsonLosslessly } from "../platform/json.ts";
import { deliveriesOfEvent, readDeliveryRow } from "../store/deliveries.ts";
import { type EventSummary, findEvent, listEvents, readEventDetail } from "../store/event-list.ts";
import { delivery, exampleDelivery, showDelivery } from "./delivery-schema.ts";
import { badInput, behindToken, unknownId } from "./refusals.ts";
import { type OperatorApi, cursorOf, encodeCursor, instant, limit, noQuery, notFound } from "./requests.ts";
import { isoTime, json, page, pageOf, security, time } from "./responses.ts";

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
    reconciled: z.boolean().openapi({ description: "Whether `reconcile` made it up from what Qonto's API lists" }),
    state: z.enum(["pending", "settled", "unmatched"]),
  })
  .openapi("Event");

const detail = summary.extend({
  payload: z.unknown().openapi({ description: "The parsed body; null when it cannot be read" }),
  body_base64: z.string().optional().openapi({ description: "Only of an event that cannot be read" }),
  deliveries: z.array(delivery),
});

const exampleSummary = {
  id: "0b6f0c1e-7f0d-4c58-9d53-6d0f4b8f2a11",
  source: "business",
  type: "v1/transactions",
  event: "created",
  organization_id: "8f4c2b1a-5d3e-4f6a-9b7c-1e2d3c4b5a69",
  resource_id: "7b7a5ed6-0c3b-4b5e-8a2f-9d1c6e4f3a20",
  created_at: "2026-11-24T10:04:59.000Z",
  received_at: "2026-11-24T10:05:00.000Z",
  reconciled: false,
  state: "pending",
} satisfies z.input<typeof summary>;

const exampleDetail = {
  ...exampleSummary,
  payload: {
    id: exampleSummary.id,
    type: exampleSummary.type,
    organization_id: exampleSummary.organization_id,
    created_at: "2026-11-24T10:04:59Z",
    data: { event: "created", id: exampleSummary.resource_id, amount: 50.01, currency: "EUR", side: "debit" },
  },
  deliveries: [exampleDelivery],
} satisfies z.input<typeof detail>;

const listRoute = createRoute({
  operationId: "listEvents",
  tags: ["Events"],
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
      cursor: cursorOf(z.object({ seq: z.number(), receivedAt: z.number() })).optional(),
    }),
  },
  responses: {
    200: json(
      page(summary),
      "`since` is inclusive, `until` is not. With a filter a page can hold few events, or none, and a cursor still: go on from there",
      pageOf(exampleSummary),
    ),
    ...badInput,
    ...behindToken,
  },
});

const showRoute = createRoute({
  operationId: "showEvent",
  tags: ["Events"],
  method: "get",
  path: "/api/events/{id}",
  summary: "Show an event and what became of it",
  security,
  request: { params: z.object({ id: z.string() }), query: noQuery },
  responses: { 200: json(detail, "The event", exampleDetail), ...behindToken, ...unknownId },
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
    reconciled: isReconciled(event),
    state: event.state,
  };
}
