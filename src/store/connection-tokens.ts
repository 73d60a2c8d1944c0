import { type Connection, connectionColumns, writeConnection } from "./connections.ts";
import { type Database, write } from "./database.ts";

/** Tokens as D1 keeps them: encrypted. Times are Unix milliseconds. */
export interface StoredTokens {
  readonly accessToken: string;
  readonly accessExpiresAt: number;
  readonly refreshToken: string;
  readonly scopes: readonly string[];
}

/** A connection as it was read. A write that is guarded by it does nothing once its tokens have been replaced. */
type Seen = Pick<Connection, "id" | "refreshedAt">;

export const beginRefreshSql = `
  UPDATE connections SET refresh_attempted_at = ?4
  WHERE id = ?1 AND refreshed_at = ?2 AND refresh_attempted_at IS ?3 AND status = 'connected'
  RETURNING ${connectionColumns}`;

/** Notes that the refresh token is being exchanged. Null when another isolate has begun since the row was read. */
export async function beginRefresh(
  db: Database,
  { id, refreshedAt, refreshAttemptedAt }: Seen & Pick<Connection, "refreshAttemptedAt">,
  now: number,
): Promise<Connection | null> {
  return writeConnection(db, db.prepare(beginRefreshSql).bind(id, refreshedAt, refreshAttemptedAt, now));
}

/** Tokens that Qonto has just given show that it was thought lost too early; a revoked consent stays revoked. */
export const writeTokensSql = `
  UPDATE connections SET access_token = ?3, access_expires_at = ?4, refresh_token = ?5, scopes = ?6,
    refreshed_at = max(?7, refreshed_at + 1), refresh_attempted_at = NULL, refresh_failures = 0,
    paused_until = iif(refresh_failures > 0, 0, paused_until), last_error = iif(refresh_failures > 0, NULL, last_error),
    status = iif(status = 'expired', 'connected', status), ended_at = iif(status = 'expired', NULL, ended_at)
  WHERE id = ?1 AND refreshed_at = ?2 RETURNING ${connectionColumns}`;

/** Null when others have replaced the tokens since the row was read, or this write was made before. */
export async function writeTokens(
  db: Database,
  { id, refreshedAt }: Seen,
  { accessToken, accessExpiresAt, refreshToken, scopes }: StoredTokens,
  now: number,
): Promise<Connection | null> {
  const values = [accessToken, accessExpiresAt, refreshToken, JSON.stringify(scopes), now];
  return writeConnection(db, db.prepare(writeTokensSql).bind(id, refreshedAt, ...values));
}

export const noteRefreshFailureSql = `
  UPDATE connections SET refresh_failures = ?3, refresh_attempted_at = ?4, paused_until = ?5, last_error = ?6
  WHERE id = ?1 AND refreshed_at = ?2`;

interface RefreshFailure extends Pick<Connection, "refreshFailures" | "pausedUntil"> {
  /** Not null: Qonto may have exchanged the token, so the attempt counts as interrupted. */
  readonly refreshAttemptedAt: number | null;
  readonly lastError: string;
}

export async function noteRefreshFailure(
  db: Database,
  { id, refreshedAt }: Seen,
  { refreshFailures, refreshAttemptedAt, pausedUntil, lastError }: RefreshFailure,
): Promise<void> {
  const values = [refreshFailures, refreshAttemptedAt, pausedUntil, lastError];
  await write(db, db.prepare(noteRefreshFailureSql).bind(id, refreshedAt, ...values));
}

export const reencryptTokensSql = `
  UPDATE connections SET access_token = ?4, refresh_token = ?5
  WHERE id = ?1 AND refreshed_at = ?2 AND refresh_token = ?3`;

/** Replaces tokens by the same ones, encrypted with another key, unless others have been written since. */
export async function reencryptTokens(
  db: Database,
  { id, refreshedAt, refreshToken }: Seen & Pick<Connection, "refreshToken">,
  to: Pick<StoredTokens, "accessToken" | "refreshToken">,
): Promise<void> {
  const values = [to.accessToken, to.refreshToken];
  await write(db, db.prepare(reencryptTokensSql).bind(id, refreshedAt, refreshToken, ...values));
}
