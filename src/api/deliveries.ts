import { createRoute, z } from "@hono/zod-openapi";
import { listDeliveries } from "../store/delivery-list.ts";
import { delivery, deliveryStatus, exampleDelivery, showDelivery } from "./delivery-schema.ts";
import { badInput, behindToken } from "./refusals.ts";
import { type OperatorApi, cursorOf, encodeCursor, limit } from "./requests.ts";
import { isoTime, json, page, pageOf, security, time } from "./responses.ts";

const listed = delivery.extend({ event_id: z.string(), received_at: time }).openapi("DeliveryOfEvent");

const listRoute = createRoute({
  operationId: "listDeliveries",
  tags: ["Deliveries"],
  method: "get",
  path: "/api/deliveries",
  summary: "List deliveries, newest event first; the pending and the dead ones destination by destination",
  security,
  request: {
    query: z.strictObject({
      status: deliveryStatus.optional(),
      destination_id: z.string().min(1).optional(),
      limit,
      cursor: cursorOf(
        z.object({ destinationId: z.string(), receivedAt: z.number(), eventId: z.string(), seq: z.number() }),
      ).optional(),
    }),
  },
  responses: {
    200: json(
      page(listed),
      "`received_at` is the event's. With a status a page can hold few deliveries, or none, and a cursor still: go on from there",
      pageOf({
        event_id: "0b6f0c1e-7f0d-4c58-9d53-6d0f4b8f2a11",
        received_at: "2026-11-24T10:05:00.000Z",
        ...exampleDelivery,
      }),
    ),
    ...badInput,
    ...behindToken,
  },
});

export function addDeliveries(api: OperatorApi): void {
  api.openapi(listRoute, async (c) => {
    const { status, destination_id, limit, cursor } = c.req.valid("query");
    const { deliveries, next } = await listDeliveries(c.env.DB, {
      status,
      destinationId: destination_id,
      before: cursor,
      limit,
    });
    const data = deliveries.map((one) => ({
      event_id: one.eventId,
      received_at: isoTime(one.receivedAt),
      ...showDelivery(one),
    }));
    return c.json({ data, next_cursor: next && encodeCursor(next) }, 200);
  });
}
