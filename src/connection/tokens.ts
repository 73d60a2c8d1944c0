import { announceOperationalEvent } from "../announce.ts";
import { operationalEvent } from "../domain/operational-event.ts";
import { logFailure, logLine } from "../platform/log.ts";
import { decrypt, encrypt } from "../platform/encryption.ts";
import { withTimeout } from "../platform/timeout.ts";
import { endConnection } from "../store/connection-status.ts";
import { type StoredTokens, beginRefresh, noteRefreshFailure, writeTokens } from "../store/connection-tokens.ts";
import { type Connection, findConnection } from "../store/connections.ts";
import { persistentlyUntil } from "../store/database.ts";
import { type ConnectionContext, ConnectionFault, type LookAfterContext } from "./context.ts";
import { type GrantedTokens, exchangeRefreshToken } from "./oauth.ts";
import { pauseMs } from "./pauses.ts";

/**
 * Qonto replaces a refresh token when it is used, and takes the old one for 60 s more. Later use of an old one may end the whole
 * consent. So an attempt is noted before it is made: it keeps other isolates away while it is in progress, and when the process
 * dies in it, or its outcome is unknown, the next one comes within those 60 s.
 */

const MS_PER_MINUTE = 60_000;

/** Before the access token ends. An outage of Qonto's that is shorter stops nothing. */
const REFRESHED_BEFORE_MS = 20 * MS_PER_MINUTE;

/** From an attempt's beginning until its request is sent. */
const BEGINS_WITHIN_MS = 2_000;

/** How long Qonto's answer is waited for. Behind several failures no other attempt follows that could bring a later one. */
const ANSWERS_WITHIN_MS = 10_000;
const ANSWERS_LATE_WITHIN_MS = 30_000;

/** For so long Qonto takes a refresh token again. */
const GRACE_MS = 60_000;

/** New tokens are written for so long: D1 stalls for 60 to 80 s. */
const WRITTEN_WITHIN_MS = 120_000;

/** The message that looks whether the attempt has come to its end comes so long after it should have. */
const WATCHDOG_AFTER_MS = 3_000;
const WATCHDOG_TIMEOUT_MS = 1_000;

/** After so many failures the grace is over. A later attempt that has no answer is repeated once within its own. */
const RETRIES_IN_GRACE = 3;

/** Pauses after the failures that follow, and after each answer that says that the token was not exchanged. */
const PAUSES_MINUTES = [1, 2, 4, 8];

/** The last attempt before the access token ends leaves time for the next run of the cron, and for a repetition. */
const LAST_ATTEMPT_BEFORE_MS = 3 * MS_PER_MINUTE;

/**
 * `refreshed`: the connection has new tokens, by this call or by another isolate. `waiting`: another isolate is at it, or it is
 * too early after a failure. `failed`: not this time. `lost`: the connection has ended.
 */
type Refresh =
  { readonly state: "refreshed"; readonly connection: Connection } | { readonly state: "waiting" | "failed" | "lost" };

/** Whether the tokens should be replaced: an attempt was interrupted, or the access token ends soon. */
function isRefreshDue({ refreshAttemptedAt, refreshedAt, accessExpiresAt }: Connection, now: number): boolean {
  const beforeMs = Math.min(REFRESHED_BEFORE_MS, (accessExpiresAt - refreshedAt) / 2);
  return refreshAttemptedAt !== null || now >= accessExpiresAt - beforeMs;
}

function answersWithinMs({ refreshFailures }: Pick<Connection, "refreshFailures">): number {
  return refreshFailures < RETRIES_IN_GRACE ? ANSWERS_WITHIN_MS : ANSWERS_LATE_WITHIN_MS;
}

/** From an attempt's beginning until its maker has Qonto's answer, or none. */
function inProgressMs(connection: Pick<Connection, "refreshFailures">): number {
  return BEGINS_WITHIN_MS + answersWithinMs(connection);
}

/**
 * Whether the refresh token may be sent to Qonto now. It may not between the end of the grace and that of the writing: Qonto no
 * longer takes the old token, and the maker of the last attempt may still be writing the new ones.
 */
function mayRefresh(
  connection: Pick<Connection, "refreshAttemptedAt" | "refreshFailures" | "pausedUntil">,
  now: number,
): boolean {
  const { refreshAttemptedAt, refreshFailures, pausedUntil } = connection;
  if (refreshAttemptedAt === null) return now >= pausedUntil;
  const ageMs = now - refreshAttemptedAt;
  // Its maker has noted that there was no answer: nobody is writing.
  if (refreshFailures > 0 && pausedUntil > refreshAttemptedAt) return ageMs >= BEGINS_WITHIN_MS + ANSWERS_WITHIN_MS;
  const inProgress = inProgressMs(connection);
  return (ageMs >= inProgress && ageMs <= GRACE_MS) || ageMs >= inProgress + WRITTEN_WITHIN_MS;
}

/** Whether its maker may still be waiting for Qonto's answer. */
function isInProgress(connection: Pick<Connection, "refreshAttemptedAt" | "refreshFailures">, now: number): boolean {
  const { refreshAttemptedAt } = connection;
  return refreshAttemptedAt !== null && now - refreshAttemptedAt < inProgressMs(connection);
}

interface Failed extends Pick<Connection, "accessExpiresAt"> {
  /** In a row, this one too. */
  readonly failures: number;
  /** How long Qonto asks to wait; null when it does not say. */
  readonly retryAfterSeconds: number | null;
}

/** However long the pause is, there is an attempt shortly before the access token ends, unless that is now. */
function nextAttemptAt({ accessExpiresAt, failures, retryAfterSeconds }: Failed, now: number): number {
  const at = now + pauseMs(PAUSES_MINUTES[failures - RETRIES_IN_GRACE - 1], retryAfterSeconds);
  const lastAt = accessExpiresAt - LAST_ATTEMPT_BEFORE_MS;
  return lastAt < now + MS_PER_MINUTE ? at : Math.min(at, lastAt);
}

/**
 * Replaces the tokens of a connection if that is due. Null: not yet, or never more. An access token may end with the exchange of
 * its refresh token, so it is not used while an attempt is unsettled.
 */
export async function keepTokens(connection: Connection, context: LookAfterContext): Promise<Connection | null> {
  if (!isRefreshDue(connection, context.world.now())) return connection;
  const refresh = await refreshCounted(connection, context);
  return refresh.state === "refreshed" ? refresh.connection : null;
}

/** Makes an interrupted attempt again. For the message that was sent before it. */
export async function finishRefresh(connectionId: string, context: LookAfterContext): Promise<void> {
  const connection = await findConnection(context.env.DB, connectionId);
  if (connection === null || connection.refreshAttemptedAt === null) return;
  if (connection.status !== "connected" || connection.environment !== context.config.qonto.environment) return;
  await refreshCounted(connection, context);
}

async function refreshCounted(seen: Connection, context: LookAfterContext): Promise<Refresh> {
  const refresh = await refreshTokens(seen, context);
  const { state: outcome } = refresh;
  if (outcome !== "waiting") context.counters.count("qonto_relay_token_refreshes_total", { outcome });
  return refresh;
}

/** Throws UndecryptableTokens. */
export async function accessTokenOf(
  { id, accessToken }: Pick<Connection, "id" | "accessToken">,
  { config }: Pick<ConnectionContext, "config">,
): Promise<string> {
  const decrypted = await decrypt(config.encryptionKeys, accessToken, id);
  if (decrypted === null) throw new UndecryptableTokens();
  return decrypted;
}

const UNDECRYPTABLE =
  "No key of ENCRYPTION_KEYS decrypts the tokens. Put back the one that is missing, or connect the organization again.";

export class UndecryptableTokens extends ConnectionFault {
  override readonly name = "UndecryptableTokens";
  override readonly message = UNDECRYPTABLE;
}

/** Exchanges the refresh token of a connection as it was read. */
export async function refreshTokens(seen: Connection, context: ConnectionContext): Promise<Refresh> {
  const { env, config, world } = context;
  const now = world.now();
  if (!mayRefresh(seen, now)) {
    // Its process may have died, and with it a queue in memory, as that of `npm start`: the next run of the cron would be too late.
    if (isInProgress(seen, now)) await sendWatchdog(seen, context);
    return { state: "waiting" };
  }
  const refreshToken = await decrypt(config.encryptionKeys, seen.refreshToken, seen.id);
  if (refreshToken === null) return failUndecryptable(seen, context);
  const attempt = await beginRefresh(env.DB, seen, now);
  if (attempt === null) return foundOf(seen, context);
  await sendWatchdog(attempt, context);
  // A store was late: another isolate may take the attempt for interrupted before this one has its answer.
  if (world.now() - now > BEGINS_WITHIN_MS) return { state: "waiting" };

  const answer = await exchangeRefreshToken(refreshToken, answersWithinMs(attempt), context);
  switch (answer.state) {
    case "granted": {
      const { tokens } = answer;
      const renewed = { refreshToken: tokens.refreshToken ?? refreshToken, scopes: tokens.scopes ?? attempt.scopes };
      return keepGranted(attempt, { ...tokens, ...renewed }, now, context);
    }
    case "refused":
      if (answer.code === "invalid_grant") return lose(attempt, context);
      return fail(
        attempt,
        { why: refusalText(answer.code), isRetriedInGrace: false, retryAfterSeconds: null },
        context,
      );
    case "unavailable": {
      const { why, retryAfterSeconds, mayBeExchanged } = answer;
      const isRetriedInGrace = shouldRetryInGrace(seen, { mayBeExchanged, now });
      return fail(attempt, { why: `${why}.`, isRetriedInGrace, retryAfterSeconds }, context);
    }
  }
}

/**
 * Whether Qonto may have exchanged the token, so that the attempt is made again while it still takes the old one. Where it says that
 * it has not, it may have done so in an interrupted attempt before.
 */
function shouldRetryInGrace(
  { refreshAttemptedAt, refreshFailures }: Pick<Connection, "refreshAttemptedAt" | "refreshFailures">,
  { mayBeExchanged, now }: { readonly mayBeExchanged: boolean; readonly now: number },
): boolean {
  if (refreshAttemptedAt === null) return mayBeExchanged;
  return refreshFailures < RETRIES_IN_GRACE && (mayBeExchanged || now - refreshAttemptedAt <= GRACE_MS);
}

/** Tokens with which a connection can go on. */
export interface CompleteTokens extends GrantedTokens {
  readonly refreshToken: string;
  readonly scopes: readonly string[];
}

/** Encrypts tokens for a connection. Their time counts from the request for them, by the relay's own clock. */
export async function toStored(
  tokens: CompleteTokens,
  { id, askedAt }: { readonly id: string; readonly askedAt: number },
  { config, world }: Pick<ConnectionContext, "config" | "world">,
): Promise<StoredTokens> {
  const encrypted = (text: string) => encrypt(config.trustedKeys, text, id, world);
  return {
    accessToken: await encrypted(tokens.accessToken),
    accessExpiresAt: askedAt + Math.floor(tokens.expiresInSeconds * 1000),
    refreshToken: await encrypted(tokens.refreshToken),
    scopes: tokens.scopes,
  };
}

const LOST = "Qonto no longer accepts the refresh token. Connect the organization again.";

function refusalText(code: string): string {
  return `Qonto refuses to refresh the tokens (${code}). Check QONTO_CLIENT_ID and QONTO_CLIENT_SECRET.`;
}

/** Noted once: it is found in each run of the cron, until the key is back. */
async function failUndecryptable(seen: Connection, { env }: ConnectionContext): Promise<Refresh> {
  if (seen.lastError !== UNDECRYPTABLE) await noteRefreshFailure(env.DB, seen, { ...seen, lastError: UNDECRYPTABLE });
  return { state: "failed" };
}

/** What another isolate has made of the connection meanwhile. */
async function foundOf(seen: Connection, { env }: ConnectionContext): Promise<Refresh> {
  const connection = await findConnection(env.DB, seen.id);
  if (connection === null || connection.status !== "connected") return { state: "lost" };
  return connection.refreshedAt > seen.refreshedAt ? { state: "refreshed", connection } : { state: "waiting" };
}

/** A queue that hangs does not keep the tokens from being refreshed: the cron looks after an interrupted attempt as well. */
async function sendWatchdog(attempt: Connection, { env, world }: ConnectionContext): Promise<void> {
  const { id } = attempt;
  const delaySeconds = (inProgressMs(attempt) + WATCHDOG_AFTER_MS) / 1000;
  const sending = env.RETRIES.send({ kind: "refresh", connection_id: id }, { delaySeconds });
  const sent = await withTimeout(sending, WATCHDOG_TIMEOUT_MS, world);
  if (sent.state === "done") return;
  const error = sent.state === "failed" ? sent.error : new Error("The queue does not answer");
  logFailure("connection", error, { message: "refresh_message.send_failed", connection_id: id });
}

/** Only this isolate has the new tokens: nothing else matters until they are written. */
async function keepGranted(
  attempt: Connection,
  granted: CompleteTokens,
  askedAt: number,
  context: ConnectionContext,
): Promise<Refresh> {
  const { env, world } = context;
  const tokens = await toStored(granted, { id: attempt.id, askedAt }, context);
  const deadline = { until: world.now() + WRITTEN_WITHIN_MS, world };
  const written = await persistentlyUntil(env.DB, deadline, () => writeTokens(env.DB, attempt, tokens, world.now()));
  logLine("connection", {
    message: "tokens.refreshed",
    connection_id: attempt.id,
    organization_id: attempt.organizationId,
    failures: attempt.refreshFailures,
    duration_ms: world.now() - askedAt,
  });
  return written === null ? foundOf(attempt, context) : { state: "refreshed", connection: written };
}

interface Failure extends Pick<Failed, "retryAfterSeconds"> {
  readonly why: string;
  /** The attempt is made again while the old token is still taken. */
  readonly isRetriedInGrace: boolean;
}

async function fail(
  attempt: Connection,
  { why, isRetriedInGrace, retryAfterSeconds }: Failure,
  context: ConnectionContext,
): Promise<Refresh> {
  const { env, world } = context;
  const { accessExpiresAt } = attempt;
  const now = world.now();
  const counted = attempt.refreshFailures + 1;
  const failures = isRetriedInGrace ? counted : Math.max(counted, RETRIES_IN_GRACE + 1);
  await noteRefreshFailure(env.DB, attempt, {
    refreshFailures: failures,
    refreshAttemptedAt: isRetriedInGrace ? attempt.refreshAttemptedAt : null,
    pausedUntil: isRetriedInGrace ? now : nextAttemptAt({ accessExpiresAt, failures, retryAfterSeconds }, now),
    lastError: why,
  });
  logLine("connection", {
    message: "tokens.refresh_failed",
    connection_id: attempt.id,
    organization_id: attempt.organizationId,
    reason: why,
    failures,
  });
  return { state: "failed" };
}

/** Unless another isolate has exchanged the token before. */
async function lose(attempt: Connection, context: ConnectionContext): Promise<Refresh> {
  const found = await foundOf(attempt, context);
  if (found.state !== "waiting") return found;
  const hasEnded = await loseConnection(attempt, { status: "expired", why: LOST }, context);
  return hasEnded ? { state: "lost" } : foundOf(attempt, context);
}

/** Ends a connection and tells the destinations that want to know. False when its tokens have been replaced meanwhile. */
export async function loseConnection(
  connection: Connection,
  { status, why }: { readonly status: "expired" | "revoked"; readonly why: string },
  { env, world }: ConnectionContext,
): Promise<boolean> {
  const { id, organizationId, organizationName, refreshedAt } = connection;
  const at = world.now();
  const event = operationalEvent("relay.connection.lost", {
    transition: `${id}-${refreshedAt}`,
    organizationId,
    at,
    data: { connection_id: id, organization_name: organizationName, status },
  });
  if (!(await endConnection(env.DB, connection, { status, at, lastError: why }, event))) return false;
  logLine("connection", { message: "connection.lost", connection_id: id, organization_id: organizationId, status });
  if (connection.status === "connected") await announceOperationalEvent(env, event.id, world);
  return true;
}
