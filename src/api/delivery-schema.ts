import { z } from "@hono/zod-openapi";
import { type Delivery, attemptOutcomes } from "../domain/delivery.ts";
import { exampleDestination } from "./destination-schema.ts";
import { isoTime, isoTimeOrNull, time } from "./responses.ts";

export const deliveryStatus = z.enum(["pending", "delivered", "dead"]);

export const attemptOutcome = z.enum(attemptOutcomes).openapi({
  description:
    "`filtered` and `removed` are the end of a pending delivery without an attempt: its destination no longer wants the event, or was removed.",
});

export const delivery = z
  .object({
    destination_id: z.string(),
    status: deliveryStatus,
    next_attempt_at: time.nullable(),
    attempts: z.array(
      z.object({
        attempt: z.number().openapi({
          description: "1, 2, …, as `x-relay-attempt`. Where no request was made, that of the one before, or 0.",
        }),
        at: time,
        status: z.number().nullable(),
        outcome: attemptOutcome,
        duration_ms: z.number(),
        response_excerpt: z.string().nullable(),
      }),
    ),
  })
  .openapi("Delivery");

export const exampleDelivery = {
  destination_id: exampleDestination.id,
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

export function showDelivery({ destinationId, status, nextAttemptAt, attempts }: Delivery): z.input<typeof delivery> {
  return {
    destination_id: destinationId,
    status,
    next_attempt_at: isoTimeOrNull(nextAttemptAt),
    attempts: attempts.map((attempt) => ({
      attempt: attempt.attempt,
      at: isoTime(attempt.at),
      status: attempt.status,
      outcome: attempt.outcome,
      duration_ms: attempt.durationMs,
      response_excerpt: attempt.responseExcerpt,
    })),
  };
}
