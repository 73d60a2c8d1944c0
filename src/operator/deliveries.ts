import { createRoute, z } from "@hono/zod-openapi";
import { listDeliveries } from "../store/delivery-list.ts";
import { delivery, deliveryStatus, showDelivery } from "./delivery-schema.ts";
import { type OperatorApi, cursorOf, encodeCursor, limit } from "./requests.ts";
import { badInput, behindToken, isoTime, json, page, security, time } from "./responses.ts";

const listed = delivery.extend({ event_id: z.string(), received_at: time }).openapi("DeliveryOfEvent");

const listRoute = createRoute({
  method: "get",
  path: "/api/deliveries",
  summary: "List deliveries, team by team, newest event first",
  security,
  request: {
    query: z.strictObject({
      status: deliveryStatus.optional(),
      destination_id: z.string().min(1).optional(),
      limit,
      cursor: cursorOf(z.object({ destinationId: z.string(), receivedAt: z.number(), eventId: z.string() })).optional(),
    }),
  },
  responses: {
    200: json(
      page(listed),
      "`received_at` is the event's. With a status a page can hold few deliveries, or none, and a cursor still: go on from there",
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
