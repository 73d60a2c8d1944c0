import { z } from "zod";
import type { OperationalEvent } from "../domain/operational-event.ts";
import { writeAll } from "./batch.ts";
import type { StoredTokens } from "./connection-tokens.ts";
import { type Connection, connectionColumns, writeConnection } from "./connections.ts";
import type { Database } from "./database.ts";
import { recordOperationalEvent } from "./operational-events.ts";
import { reader } from "./rows.ts";

export const connectionIdSql = "SELECT id FROM connections WHERE environment = ?1 AND organization_id = ?2";

const readId = reader({ id: z.string() });

/** The id under which an organization is connected, or was; null for one that never was. */
export async function findConnectionId(
  db: Database,
  { environment, organizationId }: Pick<Connection, "environment" | "organizationId">,
): Promise<string | null> {
  const row = await db.prepare(connectionIdSql).bind(environment, organizationId).first();
  return row === null ? null : readId(row).id;
}

/** What an operator has connected. */
export interface NewConnection
  extends
    Pick<
      Connection,
      "id" | "organizationId" | "organizationName" | "environment" | "relayUrl" | "connectedAt" | "historyUntil"
    >,
    StoredTokens {}

/**
 * A connection that there was before keeps its id, what it is known to hold, and which past counts as history: what was missed
 * since it was first connected is delivered. A cron run that looks after it keeps its lease.
 */
export const saveConnectionSql = `
  INSERT INTO connections (id, organization_id, organization_name, environment, status, relay_url, connected_at,
    history_until, scopes, access_token, access_expires_at, refresh_token, refreshed_at, lease_until, subscriptions_due_at,
    reconciliation_due_at)
  VALUES (?1, ?2, ?3, ?4, 'connected', ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?6, 0, ?6, ?6)
  ON CONFLICT DO UPDATE SET organization_name = excluded.organization_name, status = 'connected', ended_at = NULL,
    relay_url = excluded.relay_url, connected_at = excluded.connected_at, scopes = excluded.scopes,
    access_token = excluded.access_token, access_expires_at = excluded.access_expires_at,
    refresh_token = excluded.refresh_token, refreshed_at = max(excluded.refreshed_at, connections.refreshed_at + 1),
    refresh_attempted_at = NULL, refresh_failures = 0, paused_until = 0, step_failures = 0,
    subscriptions_due_at = excluded.subscriptions_due_at, reconciliation_due_at = excluded.reconciliation_due_at,
    last_error = NULL
  WHERE connections.id = excluded.id AND connections.connected_at <= excluded.connected_at
  RETURNING ${connectionColumns}`;

/**
 * Null when the organization has been connected under another id meanwhile, for which these tokens are not encrypted; or later
 * than this, so that a write that D1 makes late undoes nothing.
 */
export async function saveConnection(db: Database, connection: NewConnection): Promise<Connection | null> {
  const statement = db
    .prepare(saveConnectionSql)
    .bind(
      connection.id,
      connection.organizationId,
      connection.organizationName,
      connection.environment,
      connection.relayUrl,
      connection.connectedAt,
      connection.historyUntil,
      JSON.stringify(connection.scopes),
      connection.accessToken,
      connection.accessExpiresAt,
      connection.refreshToken,
    );
  return writeConnection(db, statement);
}

/** Not if its tokens have been replaced since it was read. */
export const endConnectionSql = `
  UPDATE connections SET status = ?3, ended_at = coalesce(ended_at, ?4), refresh_attempted_at = NULL, last_error = ?5
  WHERE id = ?1 AND refreshed_at = ?2 AND (status = 'connected' OR (status = 'expired' AND ?3 = 'revoked'))`;

/** Of an event: it is recorded by the end of a connection, and by no repetition of it. */
const hasJustEndedSql = "EXISTS (SELECT 1 FROM connections WHERE id = ?13 AND status = ?14 AND ended_at = ?15)";

interface End {
  readonly status: "expired" | "revoked";
  /** Unix milliseconds. */
  readonly at: number;
  /** A sentence. */
  readonly lastError: string;
}

/** Ends a connection, and records the event that tells it, once. False when it has ended already, or its tokens were replaced. */
export async function endConnection(
  db: Database,
  { id, refreshedAt }: Pick<Connection, "id" | "refreshedAt">,
  { status, at, lastError }: End,
  event: OperationalEvent,
): Promise<boolean> {
  const { ended } = await writeAll(db, {
    ended: db.prepare(endConnectionSql).bind(id, refreshedAt, status, at, lastError),
    event: recordOperationalEvent(db, event, { sql: hasJustEndedSql, parameters: [id, status, at] }),
  });
  return ended.changes > 0;
}
