import { z } from "zod";
import type { RelayEvent } from "../domain/event.ts";
import { eventRow, toEventFields } from "./event-row.ts";
import { retried } from "./retried.ts";

/**
 * What recording an event found. `owed`: recorded before, but the queue message that should have followed has not been
 * handled for so long that it needs sending again.
 */
export type Recorded = "new" | "duplicate" | "owed";

/** How long a message may be on its way before a duplicate or the cron sends another. */
export const MESSAGE_PATIENCE_MS = 30_000;

const columns =
  "id, source, type, event, organization_id, resource_id, created_at, received_at, queued_at, content_type, body";
const values = "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10";

export const recordSql = `
  INSERT INTO events (${columns}) VALUES (${values})
  ON CONFLICT (id) DO UPDATE SET queued_at = excluded.queued_at
    WHERE events.owed IS NULL AND events.queued_at < excluded.queued_at - ${MESSAGE_PATIENCE_MS}
  RETURNING received_at`;

/** Records an event in one statement that also tells a duplicate. Rows written: 2 when new, 0 for a duplicate. */
export async function recordEvent(db: D1Database, event: RelayEvent): Promise<Recorded> {
  const statement = db.prepare(recordSql).bind(...parametersOf(event));
  let isRepeated = false;
  const { results } = await retried((before) => {
    isRepeated = before > 0;
    return statement.all<{ received_at: number }>();
  });
  const [row] = results;
  // A repeated call may have met its own row. To take a duplicate for new costs a message, the reverse a minute.
  if (row === undefined) return isRepeated ? "new" : "duplicate";
  // A conflict returns its row only when that row is older than ours by the whole patience.
  return row.received_at === event.receivedAt ? "new" : "owed";
}

export const recordClaimedSql = `
  INSERT INTO events (${columns}, claimed_until, owed) VALUES (${values}, ?11, ?12)
  ON CONFLICT (id) DO NOTHING
  RETURNING id`;

/** Records events that only the queue took, claimed by whoever writes them. Returns the ids that were missing indeed. */
export async function recordClaimedEvents(
  db: D1Database,
  events: readonly { readonly event: RelayEvent; readonly owed: readonly string[] }[],
  claimedUntil: number,
): Promise<Set<string>> {
  if (events.length === 0) return new Set();
  const statement = db.prepare(recordClaimedSql);
  const answers = await retried(() =>
    db.batch<{ id: string }>(
      events.map(({ event, owed }) => statement.bind(...parametersOf(event), claimedUntil, JSON.stringify(owed))),
    ),
  );
  return new Set(answers.flatMap(({ results }) => results.map(({ id }) => id)));
}

function parametersOf(event: RelayEvent): unknown[] {
  return [
    event.id,
    event.source,
    event.type,
    event.event,
    event.organizationId,
    event.resourceId,
    event.createdAt,
    event.receivedAt,
    event.contentType,
    event.body,
  ];
}

/** Bodies that one invocation loads at most: it has 128 MB for everything. */
const MAX_LOADED_BYTES = 16_000_000;

/** Columns of `events` that `readLoadedRow` reads. */
export const loadColumns = `
  id, source, type, event, organization_id, resource_id, created_at, received_at, content_type,
  CASE WHEN sum(octet_length(body)) OVER (ORDER BY id) <= ${MAX_LOADED_BYTES} THEN body END AS body`;

export const loadSql = `SELECT ${loadColumns} FROM events WHERE id IN (SELECT value FROM json_each(?1))`;

/** A statement that loads events by id; its rows are for `readLoadedRow`. */
export function loadEvents(db: D1Database, ids: readonly string[]): D1PreparedStatement {
  return db.prepare(loadSql).bind(JSON.stringify(ids));
}

const loadedRow = eventRow
  .extend({ content_type: z.string().nullable(), body: z.string().nullable() })
  .transform(({ body, ...row }): { id: string; event: RelayEvent | null } => ({
    id: row.id,
    event: body === null ? null : { ...toEventFields(row), contentType: row.content_type, body },
  }));

/** `event` is null when the events before it have filled the memory that there is for them. */
export function readLoadedRow(row: unknown): z.output<typeof loadedRow> {
  return loadedRow.parse(row);
}
