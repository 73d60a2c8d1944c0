import { Hono } from "hono";
import { accepted } from "./answer.ts";

/** The smallest Worker: reads the body and answers 200. */
const app = new Hono();
app.post("/webhooks/qonto", async (c) => {
  const body = await c.req.arrayBuffer();
  return accepted(c, `bytes-${body.byteLength}`);
});

export default app;
