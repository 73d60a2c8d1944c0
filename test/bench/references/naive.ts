import { Hono } from "hono";
import type { Env } from "../../../src/env.ts";
import { readSignature } from "../../../src/qonto/read-signature.ts";
import { accepted } from "./answer.ts";
import { insertSql } from "./insert-sql.ts";

/** The design that comes to mind first: verify, insert, send, answer; a message, a row and a retry for each delivery. */
const app = new Hono<{ Bindings: Env }>();
app.post("/webhooks/qonto", async (c) => {
  const signature = readSignature(c.req.raw.headers);
  const body = await c.req.text();
  if (typeof signature === "string") return c.text(signature, 401);
  const bytes = Uint8Array.from(new TextEncoder().encode(body));
  if (!(await signature.matches(bytes, c.env.QONTO_WEBHOOK_SECRETS ?? ""))) return c.text("mismatch", 401);
  const { id, type } = JSON.parse(body) as { id: string; type: string };
  await c.env.DB.prepare(insertSql).bind(id, type, Date.now(), body).run();
  await (c.env.EVENTS as unknown as Queue<NaiveMessage>).send({ id, body });
  return accepted(c, id);
});

interface NaiveMessage {
  readonly id: string;
  readonly body: string;
}

const destinationsSql = "SELECT id, url FROM destinations WHERE enabled = 1";
const deliverySql = `
  INSERT INTO deliveries (destination_id, received_at, event_id, status, attempts) VALUES (?1, ?2, ?3, 'delivered', '[]')
  ON CONFLICT DO NOTHING`;

export default {
  fetch: app.fetch,
  async queue(batch, { DB }) {
    for (const message of batch.messages) {
      const { id, body } = message.body;
      const { results } = await DB.prepare(destinationsSql).all<{ id: string; url: string }>();
      for (const destination of results) {
        const response = await fetch(destination.url, { method: "POST", headers: { "webhook-id": id }, body });
        await response.body?.cancel();
        await DB.prepare(deliverySql).bind(destination.id, message.timestamp.getTime(), id).run();
      }
      message.ack();
    }
  },
} satisfies ExportedHandler<Env, NaiveMessage>;
