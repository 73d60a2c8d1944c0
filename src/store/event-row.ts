import { z } from "zod";
import type { RelayEvent } from "../domain/event.ts";
import { flag } from "./rows.ts";

/** Columns of `events`: all of an event but its body. */
export const eventFields = `
  events.id, source, type, event, organization_id AS organizationId, resource_id AS resourceId, created_at AS createdAt,
  received_at AS receivedAt, is_unreadable AS isUnreadable, content_type AS contentType, content_encoding AS contentEncoding`;

export const eventRow = z.object({
  id: z.string(),
  source: z.enum(["business", "onboarding"]),
  type: z.string(),
  event: z.string().nullable(),
  organizationId: z.string().nullable(),
  resourceId: z.string().nullable(),
  createdAt: z.string().nullable(),
  receivedAt: z.number(),
  isUnreadable: flag,
  contentType: z.string().nullable(),
  contentEncoding: z.string().nullable(),
}) satisfies z.ZodType<Omit<RelayEvent, "body">>;
