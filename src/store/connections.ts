import { z } from "zod";
import { type Database, write } from "./database.ts";
import { json, rowsOf } from "./rows.ts";

/** Types that Qonto does not take. */
const refusedTypes = z.object({
  types: z.array(z.string()).readonly(),
  /** All that were wanted then. */
  wanted: z.array(z.string()).readonly(),
  triedAgainAt: z.number(),
});

export type RefusedTypes = z.output<typeof refusedTypes>;

/**
 * A webhook subscription as it was last seen at Qonto. `missing`: the relay needs it, and it is not there. `foreign`: somebody
 * else's, which the relay leaves alone.
 */
const subscription = z.object({
  /** Of one that is missing: the one that there was; null: there never was one. */
  id: z.string().nullable(),
  types: z.array(z.string()).readonly(),
  status: z.enum(["active", "missing", "foreign"]),
  /** Id of the encryption key that its secret is derived from; null of one that is foreign, or never was there. */
  keyId: z.string().nullable(),
  /** Where the relay has pointed it; absent of one that is foreign, and of an older note: then it is where the relay is. */
  callbackUrl: z.string().optional(),
  /** When it was first seen missing; absent of one that is there. */
  missingSince: z.number().optional(),
  /** When a check last left it as it should be; absent of one that is not the relay's own. */
  checkedAt: z.number().optional(),
  /** Noted with each that is not foreign; absent where Qonto takes all types. */
  refused: refusedTypes.optional(),
});

export type ConnectionSubscription = z.output<typeof subscription>;

export const connectionStatus = z.enum(["connected", "expired", "revoked"]);

const connectionRow = z.object({
  id: z.string(),
  organizationId: z.string(),
  organizationName: z.string().nullable(),
  environment: z.enum(["production", "sandbox"]),
  status: connectionStatus,
  endedAt: z.number().nullable(),
  /** Origin of the relay, as `https://relay.example.com`. */
  relayUrl: z.string(),
  connectedAt: z.number(),
  /** By Qonto's clock: what changed before is history. */
  historyUntil: z.number(),
  scopes: json(z.array(z.string())),
  /** Encrypted, as the refresh token. */
  accessToken: z.string(),
  accessExpiresAt: z.number(),
  refreshToken: z.string(),
  refreshedAt: z.number(),
  /** An exchange of the refresh token that is in progress, or was interrupted. */
  refreshAttemptedAt: z.number().nullable(),
  refreshFailures: z.number(),
  /** Qonto refused or failed: the cron asks nothing of it before. */
  pausedUntil: z.number(),
  /** Consecutive, of the cron's steps. A page of the bank that was read ends them, as does a run after which all is well. */
  stepFailures: z.number(),
  leaseUntil: z.number(),
  subscriptions: json(z.array(subscription)),
  subscriptionsDueAt: z.number(),
  /** Until when the state is known to equal the bank's; null: it is not filled yet. */
  reconciledUntil: z.number().nullable(),
  reconciliationDueAt: z.number(),
  /** An operator asked to read from then on. */
  reconciliationSince: z.number().nullable(),
  /** JSON: the run in progress. */
  reconciliation: z.string().nullable(),
  /** JSON: what the last finished run found. */
  lastReconciliation: z.string().nullable(),
  lastError: z.string().nullable(),
});

/** A connected organization. Times are Unix milliseconds. */
export type Connection = z.output<typeof connectionRow>;

export const connectionColumns = `id, organization_id AS organizationId, organization_name AS organizationName, environment, status,
  ended_at AS endedAt, relay_url AS relayUrl, connected_at AS connectedAt, history_until AS historyUntil, scopes,
  access_token AS accessToken, access_expires_at AS accessExpiresAt, refresh_token AS refreshToken,
  refreshed_at AS refreshedAt, refresh_attempted_at AS refreshAttemptedAt, refresh_failures AS refreshFailures,
  paused_until AS pausedUntil, step_failures AS stepFailures, lease_until AS leaseUntil, subscriptions,
  subscriptions_due_at AS subscriptionsDueAt, reconciled_until AS reconciledUntil, reconciliation_due_at AS reconciliationDueAt,
  reconciliation_since AS reconciliationSince, reconciliation, last_reconciliation AS lastReconciliation,
  last_error AS lastError`;

/** Null when there is no row. */
function readConnection(row: unknown): Connection | null {
  return connectionRow.nullable().parse(row ?? null);
}

/** Executes a statement that writes, and reads the connection that it returns; null when it returns none. */
export async function writeConnection(db: Database, statement: D1PreparedStatement): Promise<Connection | null> {
  const { results } = await write(db, statement);
  return readConnection(results[0]);
}

export const listConnectionsSql = `SELECT ${connectionColumns} FROM connections ORDER BY id`;

/** In the order of their creation. There are few: an application of Qonto's is approved for each of them. */
export async function listConnections(db: Database): Promise<Connection[]> {
  return rowsOf(connectionRow, await db.prepare(listConnectionsSql).all());
}

export const findConnectionSql = `SELECT ${connectionColumns} FROM connections WHERE id = ?1`;

export async function findConnection(db: Database, id: string): Promise<Connection | null> {
  return readConnection(await db.prepare(findConnectionSql).bind(id).first());
}

/** Looks up the consent that an organization has last withdrawn from an application: the webhook about it is its latest state. */
export const connectionsToLookAfterSql = `
  SELECT ${connectionColumns}, (
    SELECT version_at FROM resources
    WHERE resources.organization_id = connections.organization_id AND type = 'v1/consent-revocations' AND resource_id = ?2
  ) AS revokedAt
  FROM connections WHERE environment = ?1 ORDER BY lease_until`;

const connectionToLookAfter = connectionRow.extend({
  /** ISO 8601; null when it was never withdrawn. */
  revokedAt: z.string().nullable(),
});

export type ConnectionToLookAfter = z.output<typeof connectionToLookAfter>;

/** Those of an application, first the one that was looked after longest ago. */
export async function connectionsToLookAfter(
  db: Database,
  { environment, clientId }: { readonly environment: Connection["environment"]; readonly clientId: string },
): Promise<ConnectionToLookAfter[]> {
  const statement = db.prepare(connectionsToLookAfterSql).bind(environment, clientId);
  return rowsOf(connectionToLookAfter, await statement.all());
}

export const claimConnectionSql = `
  UPDATE connections SET lease_until = ?2 WHERE id = ?1 AND lease_until <= ?3 RETURNING ${connectionColumns}`;

/** Gives one caller a connection until `leaseUntil`; null when another has it, or it is gone. */
export async function claimConnection(
  db: Database,
  id: string,
  { now, leaseUntil }: { readonly now: number; readonly leaseUntil: number },
): Promise<Connection | null> {
  return writeConnection(db, db.prepare(claimConnectionSql).bind(id, leaseUntil, now));
}

export const releaseConnectionSql = `
  UPDATE connections SET lease_until = ?3, last_error = iif(status = 'connected', ?4, last_error),
    step_failures = iif(?4 IS NULL, 0, step_failures)
  WHERE id = ?1 AND lease_until = ?2`;

/**
 * Gives it back, unless another has it by now. `lastError`: what stopped the work; null when it succeeded. One that has ended keeps
 * the sentence that says so.
 */
export async function releaseConnection(
  db: Database,
  { id, leaseUntil }: Pick<Connection, "id" | "leaseUntil">,
  now: number,
  lastError: string | null,
): Promise<void> {
  await write(db, db.prepare(releaseConnectionSql).bind(id, leaseUntil, now, lastError));
}

/** As a condition of a statement that records an event, behind its parameters: one that has lost the lease records nothing. */
export const holdsLeaseSql = "EXISTS (SELECT 1 FROM connections WHERE connections.id = ?13 AND lease_until = ?14)";

export const pauseConnectionSql = `
  UPDATE connections SET paused_until = max(paused_until, ?2), step_failures = step_failures + 1 WHERE id = ?1`;

/** After a step has failed: keeps the cron from asking anything of Qonto for this connection until then. */
export async function pauseConnection(db: Database, id: string, until: number): Promise<void> {
  await write(db, db.prepare(pauseConnectionSql).bind(id, until));
}

export const deleteConnectionSql = "DELETE FROM connections WHERE id = ?1";

export async function deleteConnection(db: Database, id: string): Promise<void> {
  await write(db, db.prepare(deleteConnectionSql).bind(id));
}

export const deleteClaimedConnectionSql = "DELETE FROM connections WHERE id = ?1 AND lease_until = ?2";

/** Removes a connection, its tokens too. False: the lease has expired, and another may have the connection. */
export async function deleteClaimedConnection(
  db: Database,
  { id, leaseUntil }: Pick<Connection, "id" | "leaseUntil">,
): Promise<boolean> {
  const { meta } = await write(db, db.prepare(deleteClaimedConnectionSql).bind(id, leaseUntil));
  return meta.changes > 0;
}
