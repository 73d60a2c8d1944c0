import { z } from "@hono/zod-openapi";

const json = z.record(z.string(), z.unknown());

const eventType = z.object({
  type: z.string(),
  source: z
    .enum(["business", "onboarding", "relay"])
    .describe("Which of Qonto's systems tells it, or the relay itself."),
  description: z.string().describe("What an event of the type says."),
  schema: json.describe("JSON Schema (2020-12) of the body. Unknown fields are allowed."),
  example: json.describe("A made-up event."),
});

export const eventTypeList = z.object({ data: z.array(eventType) });

export const exampleEventTypeList = {
  data: [
    {
      type: "registrations.pending",
      source: "onboarding",
      description: "A registration was created and waits for its user.",
      schema: {
        $schema: "https://json-schema.org/draft/2020-12/schema",
        title: "registrations.pending",
        type: "object",
        properties: { id: { type: "string" }, event_type: { const: "registrations.pending" } },
        required: ["id", "event_type"],
      },
      example: { id: "75341dcb-0376-474d-97d7-d2c03ff39700", event_type: "registrations.pending" },
    },
  ],
} satisfies z.input<typeof eventTypeList>;
