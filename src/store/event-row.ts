import { z } from "zod";
import type { RelayEvent } from "../domain/event.ts";

/** What every look at an event reads. */
export const eventRow = z.object({
  id: z.string(),
  source: z.enum(["business", "onboarding"]),
  type: z.string(),
  event: z.string().nullable(),
  organization_id: z.string().nullable(),
  resource_id: z.string().nullable(),
  created_at: z.string().nullable(),
  received_at: z.number(),
  is_unreadable: z.number(),
});

export function toEventFields(
  row: z.output<typeof eventRow>,
): Omit<RelayEvent, "contentType" | "contentEncoding" | "body"> {
  return {
    id: row.id,
    source: row.source,
    type: row.type,
    event: row.event,
    organizationId: row.organization_id,
    resourceId: row.resource_id,
    createdAt: row.created_at,
    receivedAt: row.received_at,
    isUnreadable: row.is_unreadable === 1,
  };
}
