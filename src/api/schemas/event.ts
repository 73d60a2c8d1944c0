import { z } from "@hono/zod-openapi";
import { time } from "./common.ts";
import { delivery, exampleDelivery } from "./delivery.ts";

export const event = z
  .object({
    id: z.string(),
    source: z.enum(["business", "onboarding"]).describe("An operational event of the relay itself has `business`."),
    type: z.string(),
    event: z.string().nullable(),
    organization_id: z.string().nullable(),
    resource_id: z.string().nullable(),
    created_at: time.nullable(),
    received_at: time,
    reconciled: z.boolean().describe("Whether `reconcile` made it from what Qonto's API lists."),
    state: z.enum(["pending", "settled", "unmatched"]),
  })
  .openapi("Event");

export const eventDetail = event.extend({
  payload: z.unknown().describe("The parsed body. Null: it cannot be read."),
  body_base64: z.string().optional().describe("Only of an event that cannot be read."),
  deliveries: z.array(delivery),
  not_sent_to: z
    .array(z.object({ destination_id: z.string(), reason: z.string() }))
    .describe(
      "Destinations without a delivery, and why, by their present settings: `paused`, `types`, `organizations`, `filter: ` with the condition that the body does not meet, or that the destination matches now. At most 500.",
    ),
});

export const exampleEvent = {
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
} satisfies z.input<typeof event>;

export const exampleEventDetail = {
  ...exampleEvent,
  payload: {
    id: exampleEvent.id,
    type: exampleEvent.type,
    organization_id: exampleEvent.organization_id,
    created_at: "2026-11-24T10:04:59Z",
    data: { event: "created", id: exampleEvent.resource_id, amount: 50.01, currency: "EUR", side: "debit" },
  },
  deliveries: [exampleDelivery],
  not_sent_to: [{ destination_id: "dst_019a935f7400a1b2c3d4e5f60719", reason: "filter: data.amount $gte 1000" }],
} satisfies z.input<typeof eventDetail>;
