import { z } from "@hono/zod-openapi";
import { time } from "./common.ts";
import { destinationChange } from "./destination.ts";
import { exampleEvent } from "./event.ts";

/** What is absent is as the destination has it. */
export const previewInput = destinationChange.pick({ filter: true, format: true, template: true }).extend({
  event_id: z.string().min(1).max(255).optional().describe("What to render. Absent: the newest that would be sent."),
});

const previewedEvent = z.object({
  event_id: z.string(),
  type: z.string(),
  received_at: time,
  would_send: z.boolean(),
  reason: z.string().nullable().describe("Why it would not be sent."),
});

export const preview = z
  .object({
    matched: z.int().describe("Of the newest events, those that would be sent."),
    filtered: z.int().describe("Of the newest events, those that would not be sent."),
    events: z.array(previewedEvent).describe("The newest 100, newest first."),
    rendered: z.object({
      event_id: z.string(),
      type: z.string(),
      sample: z.boolean().describe("Whether it is a made-up event, as none of the newest would be sent."),
      content_type: z.string().nullable(),
      body: z.string().nullable().describe("What would be sent. Null: nothing, or what is no text."),
      body_base64: z.string().optional().describe("Only of an event that cannot be read, in the format `qonto`."),
      fault: z.string().nullable().describe("Why the template gives nothing to send."),
    }),
  })
  .openapi("Preview");

export const examplePreviewInput = {
  format: "template",
  template: '{"text": "{{relay.summary}}"}',
} satisfies z.input<typeof previewInput>;

export const examplePreview = {
  matched: 1,
  filtered: 0,
  events: [
    {
      event_id: exampleEvent.id,
      type: exampleEvent.type,
      received_at: exampleEvent.received_at,
      would_send: true,
      reason: null,
    },
  ],
  rendered: {
    event_id: exampleEvent.id,
    type: exampleEvent.type,
    sample: false,
    content_type: "application/json; charset=utf-8",
    body: '{"text": "Outgoing payment of 50.01 EUR was created."}',
    fault: null,
  },
} satisfies z.input<typeof preview>;
