import { Hono } from "hono";
import { accepted } from "./answer.ts";

/** The least that answers: takes the body and says thanks. */
const app = new Hono();
app.post("/webhooks/qonto", async (c) => {
  const body = await c.req.arrayBuffer();
  return accepted(c, `bytes-${body.byteLength}`);
});

export default app;
