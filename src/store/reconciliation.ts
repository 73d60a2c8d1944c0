import { z } from "zod";
import type { RelayEvent } from "../domain/event.ts";
import { type BatchResult, writeAll } from "./batch.ts";
import { type Connection, holdsLeaseSql } from "./connections.ts";
import { type Database, write } from "./database.ts";
import { eventColumns, eventParameters, eventValues, matchingIdsSql } from "./events.ts";
import { MESSAGE_TIMEOUT_MS } from "../domain/lease.ts";
import type { OperationalEvent } from "../domain/operational-event.ts";
import { recordOperationalEvent } from "./operational-events.ts";
import { type NewResource, upsertResources } from "./resources.ts";
import { rowsOf } from "./rows.ts";

/**
 * A reconciliation is written by the cron run that has the lease of its connection. Every statement asks for that lease: a run
 * that D1 has kept waiting for so long that another took over writes nothing more.
 */
type Lease = Pick<Connection, "id" | "leaseUntil">;

/** As the receiver records an event, but a second time counts nothing: it is no second arrival. */
export const recordMissedSql = `
  WITH given (${eventColumns}) AS MATERIALIZED (VALUES (${eventValues}))
  INSERT INTO events (${eventColumns}, lease_until, recipients)
  SELECT ${eventColumns}, queued_at + ${MESSAGE_TIMEOUT_MS}, ${matchingIdsSql} FROM given WHERE ${holdsLeaseSql}
  ON CONFLICT (id) DO NOTHING`;

/** It has no recipients, and so no delivery, until an operator replays what a destination lacks. */
export const recordHistorySql = `
  INSERT INTO events (${eventColumns}, recipients) SELECT ${eventValues}, '{}' WHERE ${holdsLeaseSql}
  ON CONFLICT (id) DO NOTHING`;

/** A page was read, or its type is left: what comes next has not failed yet. */
export const writeReconciliationSql = `
  UPDATE connections SET reconciliation = ?3, step_failures = 0 WHERE id = ?1 AND lease_until = ?2 RETURNING id`;

/** What a page of a list has brought. */
export interface PageFindings {
  /** For the destinations, as if its webhook had come. The latest state is updated when it is dispatched. */
  readonly missed: readonly RelayEvent[];
  /** For the latest state alone. */
  readonly history: readonly { readonly event: RelayEvent; readonly resource: NewResource }[];
}

/**
 * Records what a page has brought and how far the reconciliation is (JSON), in one transaction. False when another has the lease:
 * nothing is written. Rows written: 1, 2 for each missed event, and 3 at most for each of history.
 */
export async function recordPage(
  db: Database,
  connection: Lease,
  { missed, history }: PageFindings,
  reconciliation: string,
): Promise<boolean> {
  const lease = [connection.id, connection.leaseUntil];
  const missedStatement = db.prepare(recordMissedSql);
  const historyStatement = db.prepare(recordHistorySql);
  const { progress } = await writeAll(db, {
    missed: missed.map((event) => missedStatement.bind(...eventParameters(event), ...lease)),
    history: history.map(({ event }) => historyStatement.bind(...eventParameters(event), ...lease)),
    state: upsertResources(
      db,
      history.map(({ resource }) => resource),
    ),
    progress: db.prepare(writeReconciliationSql).bind(...lease, reconciliation),
  });
  return isWritten(progress);
}

function isWritten({ rows }: BatchResult): boolean {
  return rows.length > 0;
}

/** Notes how far it is (JSON). False when another has the lease. */
export async function writeReconciliation(
  db: Database,
  { id, leaseUntil }: Lease,
  reconciliation: string,
): Promise<boolean> {
  const { results } = await write(db, db.prepare(writeReconciliationSql).bind(id, leaseUntil, reconciliation));
  return results.length > 0;
}

/** What was asked for while it ran stays asked for. */
export const finishReconciliationSql = `
  UPDATE connections SET reconciliation = NULL, last_reconciliation = ?3, reconciled_until = coalesce(?4, reconciled_until),
    reconciliation_due_at = iif(reconciliation_due_at = ?5, ?6, reconciliation_due_at),
    reconciliation_since = iif(reconciliation_since IS ?7, NULL, reconciliation_since)
  WHERE id = ?1 AND lease_until = ?2 RETURNING id`;

export interface FinishedReconciliation {
  /** JSON. */
  readonly result: string;
  /** Until when the state equals the bank's, Unix milliseconds; null: as far as before. */
  readonly reconciledUntil: number | null;
  /** The request that it has answered: when that was due, and from when on it asked to read. */
  readonly answered: { readonly dueAt: number; readonly since: number | null };
  readonly nextDueAt: number;
}

/** Ends the run in progress, and records the event that tells it. False when another has the lease: nothing is written. */
export async function finishReconciliation(
  db: Database,
  { id, leaseUntil }: Lease,
  { result, reconciledUntil, answered, nextDueAt }: FinishedReconciliation,
  told: OperationalEvent | null,
): Promise<boolean> {
  const { finished } = await writeAll(db, {
    finished: db
      .prepare(finishReconciliationSql)
      .bind(id, leaseUntil, result, reconciledUntil, answered.dueAt, nextDueAt, answered.since),
    told: told === null ? [] : recordOperationalEvent(db, told, { sql: holdsLeaseSql, parameters: [id, leaseUntil] }),
  });
  return isWritten(finished);
}

/** It ends a pause, but not the one of a refresh of the tokens, which says when Qonto takes the next attempt. */
export const requestReconciliationSql = `
  UPDATE connections SET reconciliation_due_at = ?2, subscriptions_due_at = ?2,
    paused_until = iif(refresh_failures > 0, paused_until, 0),
    reconciliation_since = coalesce(min(reconciliation_since, ?3), ?3, reconciliation_since)
  WHERE id = ?1 RETURNING id`;

/**
 * Makes subscriptions and reconciliation of a connection due, for an operator. `since`: also read what has changed since then, Unix
 * milliseconds; of several requests the earliest counts. False when there is no such connection.
 */
export async function requestReconciliation(
  db: Database,
  id: string,
  { now, since }: { readonly now: number; readonly since: number | null },
): Promise<boolean> {
  const { results } = await write(db, db.prepare(requestReconciliationSql).bind(id, now, since));
  return results.length > 0;
}

export const recordedIdsSql = "SELECT id FROM events WHERE id IN (SELECT value FROM json_each(?1))";

const idRow = z.object({ id: z.string() });

/** Those of some events that are recorded already. */
export async function findRecorded(db: Database, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = rowsOf(idRow, await db.prepare(recordedIdsSql).bind(JSON.stringify(ids)).all());
  return new Set(rows.map(({ id }) => id));
}
