import { z } from "@hono/zod-openapi";
import { time } from "./common.ts";

export const deadLetter = z
  .object({
    id: z.string(),
    kind: z.string(),
    event_id: z.string().nullable(),
    destination_id: z.string().nullable(),
    received_at: time,
    replayed_at: time.nullable(),
  })
  .openapi("DeadLetter");

export const replayedDeadLetter = z.object({ status: z.literal("replayed") });

export const exampleDeadLetter = {
  id: "7d9f2c4e8b1a4f6d9e3c5a7b1d2f4e6a",
  kind: "event",
  event_id: "0b6f0c1e-7f0d-4c58-9d53-6d0f4b8f2a11",
  destination_id: null,
  received_at: "2026-11-24T10:05:00.000Z",
  replayed_at: null,
} satisfies z.input<typeof deadLetter>;
