import { Hono } from "hono";
import type { Bindings } from "../../../../src/env.ts";
import { readSignature } from "../../../../src/qonto/signature.ts";
import { accepted } from "./answer.ts";
import { insertSql } from "./insert-sql.ts";

/**
 * The obvious design, on the relay's own tables: verify, insert, send, answer; then for each message the latest state and,
 * for each destination, a delivery that is recorded, attempted and recorded again.
 */
export function createNaiveDesign(fetch: (url: string, init: RequestInit) => Promise<Response>) {
  const app = new Hono<{ Bindings: Bindings }>();
  app.post("/webhooks/qonto", async (c) => {
    const signature = readSignature(c.req.raw.headers);
    const body = await c.req.text();
    if (typeof signature === "string") return c.text(signature, 401);
    const bytes = Uint8Array.from(new TextEncoder().encode(body));
    if (!(await signature.matches(bytes, c.env.QONTO_WEBHOOK_SECRETS ?? ""))) return c.text("mismatch", 401);
    const { id, type } = JSON.parse(body) as Event;
    await c.env.DB.prepare(insertSql).bind(id, type, Date.now(), body).run();
    await (c.env.EVENTS as unknown as Queue<NaiveMessage>).send({ id, body });
    return accepted(c, id);
  });

  return {
    fetch: app.fetch,
    async queue(batch: MessageBatch<NaiveMessage>, { DB }: Bindings): Promise<void> {
      for (const message of batch.messages) {
        if (await fanOut(message, DB, fetch)) message.ack();
        else message.retry({ delaySeconds: 5 });
      }
    },
  };
}

export interface NaiveMessage {
  readonly id: string;
  readonly body: string;
}

interface Event {
  readonly id: string;
  readonly type: string;
  readonly organization_id: string;
  readonly created_at: string;
  readonly data: { readonly id: string };
}

const stateSql = `
  INSERT INTO resources (organization_id, type, resource_id, deleted, version, event_seq)
  VALUES (?1, ?2, ?3, 0, ?4, (SELECT seq FROM events WHERE id = ?5))
  ON CONFLICT DO UPDATE SET version = excluded.version, event_seq = excluded.event_seq
    WHERE excluded.version > resources.version`;
const destinationsSql = `
  SELECT id, url FROM destinations WHERE enabled = 1 AND NOT EXISTS (
    SELECT 1 FROM deliveries WHERE destination_id = destinations.id AND received_at = ?1 AND event_id = ?2
      AND status = 'delivered')`;
const noteSql = `
  INSERT INTO deliveries (destination_id, received_at, event_id, status, attempts, next_attempt_at)
  VALUES (?1, ?2, ?3, 'pending', '[]', ?2) ON CONFLICT DO NOTHING`;
const endSql = `
  UPDATE deliveries SET status = 'delivered', next_attempt_at = NULL
  WHERE destination_id = ?1 AND received_at = ?2 AND event_id = ?3`;

/** Whether all destinations have it. */
async function fanOut(
  { timestamp, body: { id, body } }: Message<NaiveMessage>,
  db: D1Database,
  fetch: (url: string, init: RequestInit) => Promise<Response>,
): Promise<boolean> {
  const { type, organization_id, created_at, data }: Event = JSON.parse(body);
  const at = timestamp.getTime();
  await db.prepare(stateSql).bind(organization_id, type, data.id, created_at, id).run();
  const { results } = await db.prepare(destinationsSql).bind(at, id).all<{ id: string; url: string }>();
  let isComplete = true;
  for (const destination of results) {
    await db.prepare(noteSql).bind(destination.id, at, id).run();
    const response = await fetch(destination.url, { method: "POST", headers: { "webhook-id": id }, body });
    await response.body?.cancel();
    if (response.ok) await db.prepare(endSql).bind(destination.id, at, id).run();
    else isComplete = false;
  }
  return isComplete;
}
