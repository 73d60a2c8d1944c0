import { z } from "@hono/zod-openapi";
import { isReconciled } from "../domain/event.ts";
import { parseJsonLosslessly } from "../platform/json.ts";
import type { World } from "../platform/world.ts";
import { batchOf } from "../store/batch.ts";
import { deliveriesOfEvent } from "../store/deliveries.ts";
import { listDeliveries } from "../store/delivery-list.ts";
import { destinationList, readListedDestination } from "../store/destinations.ts";
import { type EventSummary, findEvent, listEvents } from "../store/event-list.ts";
import { replayEvent } from "./actions/replays.ts";
import { defineRoute } from "./define-route.ts";
import { narrowed, ownDestinationOf } from "./destination-access.ts";
import { worldOf } from "./idempotency.ts";
import { notSentTo } from "./not-sent-to.ts";
import { type OperatorApi, encodeCursor, paging } from "./requests.ts";
import { json, page, show } from "./responses.ts";
import { instant } from "./schemas/common.ts";
import { deliveryStatus, exampleListedDelivery, listedDelivery } from "./schemas/delivery.ts";
import { exampleDestination } from "./schemas/destination.ts";
import { event, eventDetail, exampleEvent, exampleEventDetail } from "./schemas/event.ts";
import { eventReplayInput, replayedEvent } from "./schemas/replay.ts";
import { readSeenEvent } from "./seen-event.ts";

const list = defineRoute("get", "/api/events", {
  operationId: "listEvents",
  tag: "Events",
  summary: "List events, newest first",
  query: {
    type: z.string().min(1).optional().describe("Exact, or with a trailing `*`."),
    organization_id: z.string().min(1).optional(),
    since: instant.optional(),
    until: instant.optional(),
    ...paging(z.object({ seq: z.number(), receivedAt: z.number() })),
  },
  answers: {
    200: page(
      event,
      "`since` is inclusive, `until` is exclusive. With a filter a page can hold few events, or none, and still have a cursor: go on from there",
      exampleEvent,
    ),
  },
});

const detail = defineRoute("get", "/api/events/{id}", {
  operationId: "showEvent",
  tag: "Events",
  summary: "Show an event with its deliveries",
  answers: { 200: json(eventDetail, "The event", exampleEventDetail) },
});

const replaying = defineRoute("post", "/api/events/{id}/replay", {
  operationId: "replayEvent",
  tag: "Events",
  summary: "Replay an event to the named destination, or to all that want it and do not have it",
  body: { schema: eventReplayInput, example: { destination_id: exampleDestination.id }, isOptional: true },
  answers: { 202: json(replayedEvent, "The deliveries are pending", { count: 1 }) },
  refusals: ["too_early"],
});

const deliveries = defineRoute("get", "/api/deliveries", {
  operationId: "listDeliveries",
  tag: "Deliveries",
  summary: "List deliveries, newest event first; pending and dead ones are grouped by destination",
  query: {
    status: deliveryStatus.optional(),
    destination_id: z.string().min(1).optional(),
    ...paging(z.object({ destinationId: z.string(), receivedAt: z.number(), eventId: z.string(), seq: z.number() })),
  },
  answers: {
    200: page(
      listedDelivery,
      "With a status a page can hold few deliveries, or none, and still have a cursor: go on from there",
      exampleListedDelivery,
    ),
  },
});

export function addEvents(api: OperatorApi, world: World): void {
  api.openapi(list, async (c) => {
    const { type, organization_id: organizationId, since, until, cursor: before, limit } = c.req.valid("query");
    const { events, next } = await listEvents(c.env.DB, { type, organizationId, since, until, before, limit });
    return c.json({ data: events.map(showEvent), next_cursor: next && encodeCursor(next) }, 200);
  });

  api.openapi(detail, async (c) => {
    const { DB } = c.env;
    const { id } = c.req.valid("param");
    const { events, deliveries, destinations } = await batchOf(DB, {
      events: findEvent(DB, id),
      deliveries: deliveriesOfEvent(DB, id),
      destinations: destinationList(DB),
    });
    const seen = await readSeenEvent(c, { event: events.rows[0], deliveries: deliveries.rows });
    const { body, isUnreadable } = seen.event;
    const own = ownDestinationOf(c);
    const seenDestinations = destinations.rows
      .map(readListedDestination)
      .filter((one) => own === null || one.id === own);
    const shown = show(eventDetail, {
      ...seen.event,
      reconciled: isReconciled(seen.event),
      payload: isUnreadable ? null : parseJsonLosslessly(body),
      bodyBase64: isUnreadable ? body : undefined,
      deliveries: seen.deliveries,
      notSentTo: notSentTo(seen.event, seen.deliveries, seenDestinations),
    });
    return c.json(shown, 200);
  });

  api.openapi(replaying, async (c) => {
    const { destination_id } = c.req.valid("json");
    const askedAt = worldOf(c, world).now();
    return c.json({ count: await replayEvent(c, world, c.req.valid("param").id, destination_id, askedAt) }, 202);
  });

  api.openapi(deliveries, async (c) => {
    const { status, destination_id, cursor: before, limit } = c.req.valid("query");
    const destinationId = narrowed(c, destination_id);
    const { deliveries, next } = await listDeliveries(c.env.DB, { status, destinationId, before, limit });
    const data = deliveries.map((row) => show(listedDelivery, row));
    return c.json({ data, next_cursor: next && encodeCursor(next) }, 200);
  });
}

function showEvent(row: EventSummary) {
  return show(event, { ...row, reconciled: isReconciled(row) });
}
