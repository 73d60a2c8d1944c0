import { isAmongNewestSql } from "./event-order.ts";
import { z } from "zod";
import { eventFields, eventRow } from "./events.ts";
import type { Database } from "./database.ts";

/** Events that a preview looks at. */
export const NEWEST_LOOKED_AT = 100;

/** Bodies beyond it are not loaded: an isolate has 128 MB, and this is text that is parsed. */
const MOST_BYTES = 8_000_000;

export const newestEventsSql = `
  SELECT ${eventFields}, CASE WHEN sum(octet_length(body)) OVER (ORDER BY seq DESC) <= ${MOST_BYTES} THEN body END AS body
  FROM events WHERE ${isAmongNewestSql(NEWEST_LOOKED_AT)} ORDER BY seq DESC`;

/** A statement that loads the newest events, newest first; its rows are for `readNewestEvent`. */
export function newestEvents(db: Database): D1PreparedStatement {
  return db.prepare(newestEventsSql);
}

const newestRow = eventRow.extend({
  /** Null when there is no memory left for it. */
  body: z.string().nullable(),
});

export const readNewestEvent = (row: unknown) => newestRow.parse(row);
