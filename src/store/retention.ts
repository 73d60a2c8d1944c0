import { z } from "zod";
import { writeAll } from "./batch.ts";
import type { Database } from "./database.ts";
import { firstSeqAtSql } from "./event-order.ts";
import { deletableSql } from "./event-progress.ts";
import { forgetHours } from "./ledger-hours.ts";
import { flag, rowsOf } from "./rows.ts";
import { ALL_TIME, forgetRemovedDestinations, hourOf } from "./counters.ts";

/** What is older may be deleted. Times are Unix milliseconds. */
export interface CutOff {
  /** For what was delivered, or went to nobody. */
  readonly settledBefore: number;
  /** For what was not delivered: somebody may still look into it. */
  readonly deadBefore: number;
  /** For what is kept under an Idempotency-Key, and for requests to connect. */
  readonly keysBefore: number;
  /** The first id of an audit record that is still kept. */
  readonly firstAuditId: string;
}

export const agedEventsSql = `
  SELECT seq, id, received_at AS receivedAt, recipients, ${deletableSql("?3")} AS isDeletable FROM events
  WHERE seq > ?1 AND seq < ${firstSeqAtSql("?2")}
  ORDER BY seq LIMIT ?4`;

const agedRow = z.object({
  seq: z.number(),
  id: z.string(),
  receivedAt: z.number(),
  /** JSON, as it was read. */
  recipients: z.string().nullable(),
  isDeletable: flag,
});

/** An event old enough to be deleted if nothing needs it. */
type AgedEvent = z.output<typeof agedRow>;

/** Reads up to `limit` such events after the position `after`. */
export async function agedEvents(
  db: Database,
  after: number,
  { cutOff, limit }: { cutOff: CutOff; limit: number },
): Promise<AgedEvent[]> {
  const { settledBefore, deadBefore } = cutOff;
  return rowsOf(agedRow, await db.prepare(agedEventsSql).bind(after, settledBefore, deadBefore, limit).all());
}

/** Checks again all that made them deletable: an operator may have replayed one since. */
export const deleteEventsSql = `
  DELETE FROM events
  WHERE seq IN (SELECT value ->> 'seq' FROM json_each(?1))
    AND received_at < ?2
    AND (id, recipients) IN (SELECT value ->> 'id', value ->> 'recipients' FROM json_each(?1))
    AND ${deletableSql("?3")}`;

/** Only those whose event was deleted in the same transaction. */
export const deleteDeliveriesSql = `
  DELETE FROM deliveries
  WHERE (destination_id, received_at, event_id) IN (
    SELECT recipient.key, given.value ->> 'receivedAt', given.value ->> 'id'
    FROM json_each(?1) AS given CROSS JOIN json_each(given.value ->> 'recipients') AS recipient
  ) AND NOT EXISTS (SELECT 1 FROM events WHERE events.id = deliveries.event_id)`;

/**
 * Deletes events with their deliveries, as far as they are still deletable. Returns how many events were. Rows written: 2 for
 * each event, 1 for each delivery that has a row, and for the ledger what `forgetHours` says.
 */
export async function deleteEvents(db: Database, events: readonly AgedEvent[], cutOff: CutOff): Promise<number> {
  const rows = JSON.stringify(events);
  const { deleted } = await writeAll(db, {
    deleted: db.prepare(deleteEventsSql).bind(rows, cutOff.settledBefore, cutOff.deadBefore),
    deliveries: db.prepare(deleteDeliveriesSql).bind(rows),
    hours: forgetHours(db, rows),
  });
  return deleted.changes;
}

/** Deletes ?2 rows at most of those that are older than ?1, the oldest first where it has a column for that. */
const deleteOldSql = (table: string, key: string, old: string, age?: string) =>
  `DELETE FROM ${table} WHERE ${key} IN (SELECT ${key} FROM ${table} WHERE ${old} ${age ? `ORDER BY ${age} ` : ""}LIMIT ?2)`;

export const deleteQuarantinedSql = deleteOldSql("quarantine", "id", "received_at < ?1", "received_at");
/** Keeps a message that holds the only copy of a body: the quarantine was full when it came. */
export const deleteDeadLettersSql = deleteOldSql(
  "dead_letters",
  "id",
  "received_at < ?1 AND NOT (kind = 'quarantine' AND replayed_at IS NULL)",
  "received_at",
);
export const deleteReplaysSql = deleteOldSql("replays", "id", "finished_at < ?1");
export const deleteAuditSql = deleteOldSql("audit", "id", "id < ?1", "id");
export const deleteCountersSql = deleteOldSql("counters", "hour", `hour > ${ALL_TIME} AND hour < ?1`, "hour");
export const deleteKeysSql = deleteOldSql("idempotency_keys", "id", "created_at < ?1", "created_at");
/** Operators make few: the table is read from end to end. */
export const deleteAuthorizationsSql = deleteOldSql("authorizations", "state", "created_at < ?1");

/** The rows of idempotency keys are short, and a program may make many. */
const MOST_KEYS = 1_000;

/**
 * Deletes other things that are too old, up to `limit` of each that may be large, and counts that came late for removed
 * destinations. Returns how many of each were deleted.
 */
export async function deleteOthers(
  db: Database,
  { settledBefore, deadBefore, keysBefore, firstAuditId }: CutOff,
  limit: number,
): Promise<{ quarantined: number; deadLetters: number; replays: number; auditRecords: number }> {
  const { quarantined, deadLetters, replays, auditRecords } = await writeAll(db, {
    quarantined: db.prepare(deleteQuarantinedSql).bind(deadBefore, limit),
    deadLetters: db.prepare(deleteDeadLettersSql).bind(deadBefore, limit),
    replays: db.prepare(deleteReplaysSql).bind(settledBefore, limit),
    auditRecords: db.prepare(deleteAuditSql).bind(firstAuditId, limit),
    counters: db.prepare(deleteCountersSql).bind(hourOf(deadBefore), limit),
    keys: db.prepare(deleteKeysSql).bind(keysBefore, MOST_KEYS),
    authorizations: db.prepare(deleteAuthorizationsSql).bind(keysBefore, limit),
    countsOfRemoved: forgetRemovedDestinations(db),
  });
  return {
    quarantined: quarantined.changes,
    deadLetters: deadLetters.changes,
    replays: replays.changes,
    auditRecords: auditRecords.changes,
  };
}
