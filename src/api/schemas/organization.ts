import { z } from "@hono/zod-openapi";
import { time } from "./common.ts";

export const organization = z
  .object({ organization_id: z.string(), name: z.string().nullable(), last_event_at: time })
  .openapi("Organization");

export const organizationProfile = z
  .object({
    organization_id: z.string(),
    profile: z.record(z.string(), z.unknown()).nullable(),
    counts: z.record(z.string(), z.number()),
    last_event_at: time,
    complete_until: time
      .nullable()
      .describe(
        "Until when its state is known to equal the bank's. Null: it is not connected to Qonto, or not filled yet.",
      ),
  })
  .openapi("OrganizationProfile");

export const resource = z
  .object({
    type: z.string(),
    resource_id: z.string().nullable(),
    event: z.string().nullable(),
    deleted: z.boolean(),
    version_at: time.nullable(),
    event_id: z.string(),
    data: z.record(z.string(), z.unknown()),
  })
  .openapi("Resource");

export const exampleOrganization = {
  organization_id: "8f4c2b1a-5d3e-4f6a-9b7c-1e2d3c4b5a69",
  name: "Elektro Tesla GmbH",
  last_event_at: "2026-11-24T10:05:00.000Z",
} satisfies z.input<typeof organization>;

export const exampleOrganizationProfile = {
  organization_id: exampleOrganization.organization_id,
  profile: { legal_name: "Elektro Tesla GmbH", legal_country: "DE", status: "activated" },
  counts: { "v1/organizations": 1, "v1/transactions": 420 },
  last_event_at: exampleOrganization.last_event_at,
  complete_until: "2026-11-24T09:40:00.000Z",
} satisfies z.input<typeof organizationProfile>;

export const exampleResource = {
  type: "v1/beneficiaries",
  resource_id: "ce91bc4e-68d6-4ab0-bfab-4a9403f7f316",
  event: "updated",
  deleted: false,
  version_at: "2026-11-24T10:04:58.000Z",
  event_id: "0b6f0c1e-7f0d-4c58-9d53-6d0f4b8f2a11",
  data: { event: "updated", id: "ce91bc4e-68d6-4ab0-bfab-4a9403f7f316", name: "Alice In Wonderland", trusted: true },
} satisfies z.input<typeof resource>;
