import { Hono } from "hono";
import type { Bindings } from "../../../../src/env.ts";
import { accepted } from "./answer.ts";
import { insertSql } from "./insert-sql.ts";

/** The bare reference, and one row of the relay's own table. Verifies nothing. */
const app = new Hono<{ Bindings: Bindings }>();
app.post("/webhooks/qonto", async (c) => {
  const body = await c.req.text();
  const { id, type } = JSON.parse(body) as { id: string; type: string };
  await c.env.DB.prepare(insertSql).bind(id, type, Date.now(), body).run();
  return accepted(c, id);
});

export default app;
