import { Hono } from "hono";
import type { Bindings } from "../../../../src/env.ts";
import { readSignature } from "../../../../src/qonto/signature.ts";
import { accepted } from "./answer.ts";

/** The bare reference, and the relay's verification. */
const app = new Hono<{ Bindings: Bindings }>();
app.post("/webhooks/qonto", async (c) => {
  const signature = readSignature(c.req.raw.headers);
  const body = new Uint8Array(await c.req.arrayBuffer());
  if (typeof signature === "string") return c.text(signature, 401);
  if (!(await signature.matches(body, c.env.QONTO_WEBHOOK_SECRETS ?? ""))) return c.text("mismatch", 401);
  return accepted(c, `bytes-${body.byteLength}`);
});

export default app;
