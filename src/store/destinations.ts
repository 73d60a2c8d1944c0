import { z } from "zod";
import { writeAll } from "./batch.ts";
import { type Database, write } from "./database.ts";
import { type Destination, keepsFailing } from "../domain/destination.ts";
import { forgetAlerts } from "./alerts.ts";
import { formats } from "../domain/format.ts";
import { newestSuccessSql } from "./destination-health.ts";
import { readFilter } from "../domain/read-filter.ts";
import { parseJsonLosslessly } from "../platform/json.ts";
import { forgetRemovedDestinations } from "./counters.ts";
import { flag, json, rowsOf } from "./rows.ts";
import { deleteTokensOfDestination } from "./tokens.ts";

const columns = `
  destinations.id, url, description, types, organizations, filter, enabled, retry_schedule_seconds AS retryScheduleSeconds,
  timeout_ms AS timeoutMs, max_per_second AS maxPerSecond, format, template, relay_url AS relayUrl,
  header_names AS headerNames, headers AS encryptedHeaders, secret AS encryptedSecret, previous_secrets AS previousSecrets,
  is_slow AS isSlow, consecutive_failures AS consecutiveFailures, last_success_at IS NOT NULL AS hasSucceeded,
  circuit_opened_at AS circuitOpenedAt, next_drain_at AS nextDrainAt, held_until AS heldUntil, created_at AS createdAt,
  updated_at AS updatedAt`;

/** It was read before it was stored. */
const storedFilter = z.string().transform((text, context) => {
  const { filter, faults } = readFilter(parseJsonLosslessly(text));
  if (filter !== null) return filter;
  for (const { path, message } of faults) context.addIssue({ code: "custom", path: [...path], message });
  return z.NEVER;
});

const storedRow = z.object({
  id: z.string(),
  url: z.string(),
  description: z.string().nullable(),
  types: json(z.array(z.string())),
  organizations: json(z.array(z.string())).nullable(),
  filter: storedFilter.nullable(),
  enabled: flag,
  retryScheduleSeconds: json(z.array(z.number())).nullable(),
  timeoutMs: z.number(),
  maxPerSecond: z.number().nullable(),
  format: z.enum(formats),
  template: z.string().nullable(),
  relayUrl: z.string().nullable(),
  headerNames: json(z.array(z.string())),
  encryptedHeaders: z.string().nullable(),
  encryptedSecret: z.string(),
  previousSecrets: json(
    z.array(
      z
        .object({ secret: z.string(), until: z.number() })
        .transform(({ secret, until }) => ({ encrypted: secret, until })),
    ),
  ),
  isSlow: flag,
  consecutiveFailures: z.number(),
  hasSucceeded: flag,
  circuitOpenedAt: z.number().nullable(),
  nextDrainAt: z.number().nullable(),
  heldUntil: z.number().nullable(),
  createdAt: z.number(),
  updatedAt: z.number(),
});

/** Adds what the counted failures say. */
const withHealth = <Row extends Pick<z.output<typeof storedRow>, "isSlow" | "consecutiveFailures">>({
  isSlow,
  ...row
}: Row) => ({
  ...row,
  isIsolated: isSlow || keepsFailing(row.consecutiveFailures),
  isFailing: row.consecutiveFailures > 0,
});

const destinationRow = storedRow.transform(withHealth);

export const readDestinationRow = (row: unknown): Destination => destinationRow.parse(row);

export const enabledSql = `SELECT ${columns} FROM destinations WHERE enabled = 1`;

/** A statement that finds the enabled destinations; its rows are for `readDestinationRow`. */
export function enabledDestinations(db: Database): D1PreparedStatement {
  return db.prepare(enabledSql);
}

export const destinationsWithOpenCircuitSql = `
  SELECT ${columns} FROM destinations WHERE enabled = 1 AND circuit_opened_at IS NOT NULL`;

export async function destinationsWithOpenCircuit(db: Database): Promise<Destination[]> {
  return rowsOf(destinationRow, await db.prepare(destinationsWithOpenCircuitSql).all());
}

export const findByIdsSql = `
  SELECT ${columns} FROM destinations WHERE id IN (SELECT value FROM json_each(?1))`;

/** Those that exist. Without ids D1 is not called. */
export async function findDestinations(db: Database, ids: readonly string[]): Promise<Destination[]> {
  if (ids.length === 0) return [];
  return rowsOf(destinationRow, await db.prepare(findByIdsSql).bind(JSON.stringify(ids)).all());
}

export const filterSql = "SELECT filter, updated_at AS updatedAt FROM destinations WHERE id = ?1";

/** A statement that finds a destination's filter; its row is for `readFilterRow`. */
export function findFilter(db: Database, id: string): D1PreparedStatement {
  return db.prepare(filterSql).bind(id);
}

const filterRow = z.object({ filter: storedFilter.nullable(), updatedAt: z.number() }).optional();

/** Without a filter for a destination that was removed. */
export const readFilterRow = (row: unknown): Pick<Destination, "filter" | "updatedAt"> =>
  filterRow.parse(row) ?? { filter: null, updatedAt: 0 };

const reportColumns = `${columns}, last_failure_at AS lastFailureAt,
  nullif(max(coalesce(last_success_at, 0), coalesce(${newestSuccessSql}, 0)), 0) AS lastSuccessAt`;

/** A destination with its health. Times are Unix milliseconds. */
export interface DestinationReport extends Destination {
  readonly consecutiveFailures: number;
  readonly lastSuccessAt: number | null;
  readonly lastFailureAt: number | null;
}

const reportRow = storedRow
  .extend({ lastSuccessAt: z.number().nullable(), lastFailureAt: z.number().nullable() })
  .transform(withHealth);

export const reportSql = `SELECT ${reportColumns} FROM destinations WHERE id = ?1`;

export async function findDestination(db: Database, id: string): Promise<DestinationReport | null> {
  return reportRow.nullable().parse(await db.prepare(reportSql).bind(id).first());
}

export const listSql = `SELECT ${reportColumns} FROM destinations WHERE id > ?1 ORDER BY id LIMIT ?2`;

/** Destinations in the order of their ids, which is that of their creation. */
export async function listDestinations(db: Database, after: string, limit: number): Promise<DestinationReport[]> {
  return rowsOf(reportRow, await db.prepare(listSql).bind(after, limit).all());
}

/** More destinations than that no page names. */
const MOST_NAMED = 500;

export const destinationListSql = `
  SELECT id, url, description, enabled, types, organizations, filter, circuit_opened_at AS circuitOpenedAt, held_until AS heldUntil
  FROM destinations ORDER BY id LIMIT ${MOST_NAMED}`;

/** A statement; its rows are for `readListedDestination`. */
export function destinationList(db: Database): D1PreparedStatement {
  return db.prepare(destinationListSql);
}

const listedRow = storedRow.pick({
  id: true,
  url: true,
  description: true,
  enabled: true,
  types: true,
  organizations: true,
  filter: true,
  circuitOpenedAt: true,
  heldUntil: true,
});

/** What a page needs to name a destination. */
export type ListedDestination = z.output<typeof listedRow>;

export const readListedDestination = (row: unknown) => listedRow.parse(row);

export const insertSql = `
  INSERT INTO destinations (id, url, description, types, organizations, filter, enabled, retry_schedule_seconds, timeout_ms,
    max_per_second, format, template, relay_url, header_names, headers, secret, created_at, updated_at)
  SELECT ?1 ->> 'id', ?1 ->> 'url', ?1 ->> 'description', ?1 ->> 'types', ?1 ->> 'organizations', ?1 ->> 'filter',
    ?1 ->> 'enabled', ?1 ->> 'retryScheduleSeconds', ?1 ->> 'timeoutMs', ?1 ->> 'maxPerSecond', ?1 ->> 'format',
    ?1 ->> 'template', ?1 ->> 'relayUrl', ?1 ->> 'headerNames', ?1 ->> 'encryptedHeaders', ?1 ->> 'encryptedSecret',
    ?1 ->> 'createdAt', ?1 ->> 'updatedAt' WHERE true
  ON CONFLICT (id) DO NOTHING`;

export async function insertDestination(db: Database, destination: Destination): Promise<void> {
  await write(db, db.prepare(insertSql).bind(JSON.stringify({ ...destination, filter: destination.filter?.json })));
}

const changeable = [
  "url",
  "description",
  "types",
  "organizations",
  "filter",
  "enabled",
  "retry_schedule_seconds",
  "timeout_ms",
  "max_per_second",
  "format",
  "template",
  "relay_url",
  "header_names",
  "headers",
] as const;

/** A column that is absent is not changed; null is a value. */
type DestinationChange = { readonly [Column in (typeof changeable)[number]]?: unknown };

const assignments = changeable.map(
  (column) => `${column} = iif(json_type(?2, '$.${column}') IS NULL, ${column}, ?2 ->> '$.${column}')`,
);

/**
 * Changes the given columns only, so a change does not undo a 410 that disables, or a deletion. A new `max_per_second` clears the
 * next drain that the old one had set. A new URL, or an operator who enables it, ends the hold.
 */
export const changeSql = `
  UPDATE destinations SET ${assignments.join(", ")}, updated_at = ?3,
    next_drain_at = iif(json_type(?2, '$.max_per_second') IS NOT NULL AND circuit_opened_at IS NULL, NULL, next_drain_at),
    held_until = iif(json_type(?2, '$.url') IS NOT NULL OR ?2 ->> '$.enabled', NULL, held_until),
    gone_at = iif(?2 ->> '$.enabled', NULL, gone_at)
  WHERE id = ?1 RETURNING id`;

/** Returns whether there is such a destination. */
export async function updateDestination(
  db: Database,
  id: string,
  change: DestinationChange,
  now: number,
): Promise<boolean> {
  const { results } = await write(db, db.prepare(changeSql).bind(id, JSON.stringify(change), now));
  return results.length > 0;
}

export const disableSql = `
  UPDATE destinations SET enabled = 0, updated_at = ?2, gone_at = ?2
  WHERE enabled = 1 AND id IN (SELECT value FROM json_each(?1))`;

/** A statement, for its caller's transaction. */
export function disableDestinations(db: Database, ids: readonly string[], now: number): D1PreparedStatement {
  return db.prepare(disableSql).bind(JSON.stringify(ids), now);
}

export const deleteSql = "DELETE FROM destinations WHERE id = ?1";

/** Deletes it, its tokens, its counts and what alerts have told of it. */
export async function deleteDestination(db: Database, id: string): Promise<void> {
  await writeAll(db, {
    destination: db.prepare(deleteSql).bind(id),
    tokens: deleteTokensOfDestination(db, id),
    counts: forgetRemovedDestinations(db),
    alerts: forgetAlerts(db, id),
  });
}
