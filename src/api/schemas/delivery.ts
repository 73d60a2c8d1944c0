import { z } from "@hono/zod-openapi";
import { attemptOutcomes } from "../../domain/delivery.ts";
import { time } from "./common.ts";

export const deliveryStatus = z.enum(["pending", "delivered", "dead"]);

export const attempt = z.object({
  attempt: z
    .number()
    .describe("1, 2, …, as `x-relay-attempt`. Without a request: the number of the attempt before, or 0."),
  at: time,
  status: z.number().nullable().describe("Null: there was no answer."),
  outcome: z
    .enum(attemptOutcomes)
    .describe(
      "`filtered` and `removed` end a pending delivery without an attempt: its destination no longer wants the event, or was removed.",
    ),
  duration_ms: z.number(),
  response_excerpt: z.string().nullable(),
});

export const delivery = z
  .object({
    destination_id: z.string(),
    status: deliveryStatus,
    next_attempt_at: time.nullable(),
    attempts: z.array(attempt),
  })
  .openapi("Delivery");

export const listedDelivery = delivery
  .extend({ event_id: z.string(), received_at: time.describe("When the event was received.") })
  .openapi("DeliveryOfEvent");

export const exampleDelivery = {
  destination_id: "dst_019a935f7400a1b2c3d4e5f60718",
  status: "pending",
  next_attempt_at: "2026-11-24T10:05:07.000Z",
  attempts: [
    {
      attempt: 1,
      at: "2026-11-24T10:05:01.000Z",
      status: 503,
      outcome: "rejected",
      duration_ms: 87,
      response_excerpt: "down for maintenance",
    },
  ],
} satisfies z.input<typeof delivery>;

export const exampleListedDelivery = {
  event_id: "0b6f0c1e-7f0d-4c58-9d53-6d0f4b8f2a11",
  received_at: "2026-11-24T10:05:00.000Z",
  ...exampleDelivery,
} satisfies z.input<typeof listedDelivery>;
