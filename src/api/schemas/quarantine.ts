import { z } from "@hono/zod-openapi";
import { time } from "./common.ts";

export const quarantined = z
  .object({
    id: z.string(),
    event_id: z.string().nullable(),
    reason: z.enum(["timestamp_too_old", "unreadable"]),
    received_at: time,
    size_bytes: z.number(),
  })
  .openapi("Quarantined");

export const quarantinedDetail = quarantined.extend({
  source: z.enum(["business", "onboarding"]),
  content_type: z.string().nullable(),
  content_encoding: z.string().nullable(),
  settled_at: time.nullable().describe("When it was released, or the event was accepted another way."),
  body: z.string().nullable().describe("As text. Null: it is not UTF-8."),
  body_base64: z.string(),
});

export const released = z.object({ status: z.literal("released"), event_id: z.string() });

export const exampleQuarantined = {
  id: "3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea",
  event_id: "0b6f0c1e-7f0d-4c58-9d53-6d0f4b8f2a11",
  reason: "timestamp_too_old",
  received_at: "2026-11-24T10:05:00.000Z",
  size_bytes: 1_094,
} satisfies z.input<typeof quarantined>;

export const exampleQuarantinedDetail = {
  ...exampleQuarantined,
  source: "business",
  content_type: "application/json",
  content_encoding: null,
  settled_at: null,
  body: '{"id":"0b6f0c1e-7f0d-4c58-9d53-6d0f4b8f2a11","type":"v1/transactions"}',
  body_base64: "eyJpZCI6IjBiNmYwYzFlLTdmMGQtNGM1OC05ZDUzLTZkMGY0YjhmMmExMSIsInR5cGUiOiJ2MS90cmFuc2FjdGlvbnMifQ==",
} satisfies z.input<typeof quarantinedDetail>;
