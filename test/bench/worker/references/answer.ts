import type { Context } from "hono";

/** What the relay answers, so that all references send as many bytes. */
export function accepted(c: Context, id: string): Response {
  return c.json({ status: "accepted", event_id: id });
}
