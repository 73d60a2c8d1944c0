import { z } from "@hono/zod-openapi";
import { time } from "./common.ts";

export const registration = z
  .object({
    registration_id: z.string(),
    stage: z.string().openapi({ example: "contract_signed" }),
    stage_at: time.nullable(),
    stages: z.array(z.object({ stage: z.string(), at: time.nullable(), event_id: z.string() })),
  })
  .openapi("Registration");

export const exampleRegistration = {
  registration_id: "525817f7-93e8-4f31-a83d-20319778b4b0",
  stage: "user_started",
  stage_at: "2026-11-24T09:12:44.000Z",
  stages: [
    { stage: "pending", at: "2026-11-24T09:02:17.000Z", event_id: "75341dcb-0376-474d-97d7-d2c03ff3973c" },
    { stage: "user_started", at: "2026-11-24T09:12:44.000Z", event_id: "6c0e8a35-91b4-4f0e-8d26-aa7b1c9f5e02" },
  ],
} satisfies z.input<typeof registration>;
