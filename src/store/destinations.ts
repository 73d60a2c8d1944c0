import { z } from "zod";
import { type Database, retried } from "./database.ts";
import { type Destination, keepsFailing } from "../domain/destination.ts";
import { newestSuccessSql } from "./destination-health.ts";
import { forgetRemovedDestinations } from "./counters.ts";

/** A destination with what is known of how it fares. Times are Unix milliseconds. */
export interface DestinationReport extends Destination {
  readonly consecutiveFailures: number;
  readonly lastSuccessAt: number | null;
  readonly lastFailureAt: number | null;
}

const jsonList = <Item extends z.ZodType>(item: Item) =>
  z.string().transform((text) => z.array(item).parse(JSON.parse(text)));

const destinationRow = z.object({
  id: z.string(),
  url: z.string(),
  description: z.string().nullable(),
  types: jsonList(z.string()),
  organizations: jsonList(z.string()).nullable(),
  enabled: z.number().transform((flag) => flag === 1),
  retry_schedule_seconds: jsonList(z.number()).nullable(),
  timeout_ms: z.number(),
  max_per_second: z.number().nullable(),
  secret: z.string(),
  previous_secrets: jsonList(z.object({ secret: z.string(), until: z.number() })),
  isolated: z.number().transform((flag) => flag === 1),
  consecutive_failures: z.number(),
  last_success_at: z.number().nullable(),
  circuit_opened_at: z.number().nullable(),
  next_drain_at: z.number().nullable(),
  held_until: z.number().nullable(),
  created_at: z.number(),
  updated_at: z.number(),
});

const reportRow = destinationRow.extend({
  last_failure_at: z.number().nullable(),
  newest_success_at: z.number().nullable(),
});

export function readDestinationRow(row: unknown): Destination {
  return toDestination(destinationRow.parse(row));
}

function toDestination(row: z.output<typeof destinationRow>): Destination {
  return {
    id: row.id,
    url: row.url,
    description: row.description,
    types: row.types,
    organizations: row.organizations,
    enabled: row.enabled,
    retryScheduleSeconds: row.retry_schedule_seconds,
    timeoutMs: row.timeout_ms,
    maxPerSecond: row.max_per_second,
    encryptedSecret: row.secret,
    previousSecrets: row.previous_secrets.map(({ secret, until }) => ({ encrypted: secret, until })),
    isIsolated: row.isolated || keepsFailing(row.consecutive_failures),
    isFailing: row.consecutive_failures > 0,
    hasSucceeded: row.last_success_at !== null,
    circuitOpenedAt: row.circuit_opened_at,
    nextDrainAt: row.next_drain_at,
    heldUntil: row.held_until,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

function readReportRow(row: unknown): DestinationReport {
  const parsed = reportRow.parse(row);
  const successes = [parsed.last_success_at, parsed.newest_success_at].filter((at) => at !== null);
  return {
    ...toDestination(parsed),
    consecutiveFailures: parsed.consecutive_failures,
    lastSuccessAt: successes.length === 0 ? null : Math.max(...successes),
    lastFailureAt: parsed.last_failure_at,
  };
}

export const enabledSql = "SELECT * FROM destinations WHERE enabled = 1";

/** A statement that finds the destinations that take events; its rows are for `readDestinationRow`. */
export function enabledDestinations(db: Database): D1PreparedStatement {
  return db.prepare(enabledSql);
}

export const openCircuitsSql = "SELECT * FROM destinations WHERE enabled = 1 AND circuit_opened_at IS NOT NULL";

export async function destinationsWithOpenCircuit(db: Database): Promise<Destination[]> {
  const { results } = await db.prepare(openCircuitsSql).all();
  return results.map(readDestinationRow);
}

export const namedSql = "SELECT * FROM destinations WHERE id IN (SELECT value FROM json_each(?1))";

export async function findDestinations(db: Database, ids: readonly string[]): Promise<Destination[]> {
  const { results } = await db.prepare(namedSql).bind(JSON.stringify(ids)).all();
  return results.map(readDestinationRow);
}

export const reportSql = `SELECT destinations.*, ${newestSuccessSql} AS newest_success_at FROM destinations WHERE id = ?1`;

export async function findDestination(db: Database, id: string): Promise<DestinationReport | null> {
  const row = await db.prepare(reportSql).bind(id).first();
  return row === null ? null : readReportRow(row);
}

export const listSql = `
  SELECT destinations.*, ${newestSuccessSql} AS newest_success_at
  FROM destinations WHERE id > ?1 ORDER BY id LIMIT ?2`;

/** Destinations in the order of their ids, which is that of their making. */
export async function listDestinations(db: Database, after: string, limit: number): Promise<DestinationReport[]> {
  const { results } = await db.prepare(listSql).bind(after, limit).all();
  return results.map(readReportRow);
}

export const insertSql = `
  INSERT INTO destinations (id, url, description, types, organizations, enabled, retry_schedule_seconds, timeout_ms,
    max_per_second, secret, created_at, updated_at)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
  ON CONFLICT (id) DO NOTHING`;

export async function insertDestination(db: Database, destination: Destination): Promise<void> {
  const statement = db
    .prepare(insertSql)
    .bind(
      destination.id,
      destination.url,
      destination.description,
      JSON.stringify(destination.types),
      toJson(destination.organizations),
      destination.enabled ? 1 : 0,
      toJson(destination.retryScheduleSeconds),
      destination.timeoutMs,
      destination.maxPerSecond,
      destination.encryptedSecret,
      destination.createdAt,
      destination.updatedAt,
    );
  await retried(db, () => statement.run());
}

/** What of a destination can be changed, named as its columns are. Absence changes nothing; null is a value. */
export type DestinationChange = {
  readonly [Column in (typeof changeable)[number]]?: unknown;
};

const changeable = [
  "url",
  "description",
  "types",
  "organizations",
  "enabled",
  "retry_schedule_seconds",
  "timeout_ms",
  "max_per_second",
] as const;

const assignments = changeable.map(
  (column) => `${column} = iif(json_type(?2, '$.${column}') IS NULL, ${column}, ?2 ->> '$.${column}')`,
);

/**
 * Touches what is named and nothing else: a 410 that disables, or a deletion, is not undone by a change beside it. With
 * another pace the turn that was set by the old one is void; at another URL, or by an operator who resumes it, the hold.
 */
export const changeSql = `
  UPDATE destinations SET ${assignments.join(", ")}, updated_at = ?3,
    next_drain_at = iif(json_type(?2, '$.max_per_second') IS NOT NULL AND circuit_opened_at IS NULL, NULL, next_drain_at),
    held_until = iif(json_type(?2, '$.url') IS NOT NULL OR ?2 ->> '$.enabled', NULL, held_until)
  WHERE id = ?1 RETURNING id`;

/** Returns whether there is such a destination. */
export async function updateDestination(
  db: Database,
  id: string,
  change: DestinationChange,
  now: number,
): Promise<boolean> {
  const statement = db.prepare(changeSql).bind(id, JSON.stringify(change), now);
  return (await retried(db, () => statement.all())).results.length > 0;
}

function toJson(list: readonly unknown[] | null): string | null {
  return list === null ? null : JSON.stringify(list);
}

export const disableSql =
  "UPDATE destinations SET enabled = 0, updated_at = ?2 WHERE enabled = 1 AND id IN (SELECT value FROM json_each(?1))";

/** A statement, for its caller's transaction. */
export function disableDestinations(db: Database, ids: readonly string[], now: number): D1PreparedStatement {
  return db.prepare(disableSql).bind(JSON.stringify(ids), now);
}

export const deleteSql = "DELETE FROM destinations WHERE id = ?1";

/** Deletes it, and what has been counted of it. */
export async function deleteDestination(db: Database, id: string): Promise<void> {
  await retried(db, () => db.batch([db.prepare(deleteSql).bind(id), forgetRemovedDestinations(db)]));
}
