import { z } from "@hono/zod-openapi";
import { parseInstant } from "../../domain/instant.ts";

/** A time in an answer: ISO 8601 in UTC. */
export const time = z.iso.datetime();

/** One page of a list. */
export function pageOfSchema<Item extends z.ZodType>(item: Item) {
  return z.object({ data: z.array(item), next_cursor: z.string().nullable() });
}

/** The text of an instant, as Unix milliseconds; without a zone it is UTC. */
export function instantText(message: string) {
  return z.string().transform((text, context) => {
    // A `+` that a query does not escape arrives as a blank.
    const read = parseInstant(text) ?? parseInstant(text.replace(/ (?=[\d:]+$)/, "+"));
    if (read !== null) return Date.parse(read.iso);
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });
}

/** An instant in a query or a body. */
export const instant = instantText("must be an ISO 8601 instant, as 2026-11-29T10:00:00Z").openapi({
  type: "string",
  format: "date-time",
});

/** The body of every refusal. */
export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number(),
    detail: z.string(),
    code: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .openapi("Problem");
