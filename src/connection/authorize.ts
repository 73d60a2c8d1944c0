import { digestOf } from "../platform/digest.ts";
import { decrypt, encrypt } from "../platform/encryption.ts";
import { logLine } from "../platform/log.ts";
import { makeSortableId } from "../platform/sortable-id.ts";
import { QontoClient, QontoRefusal, QontoUnavailable } from "../qonto/api-client.ts";
import { cataloguedTypes, scopeOf } from "../qonto/catalogue.ts";
import { type Organization, fetchOrganization, listingOf } from "../reconciliation/listings.ts";
import { recordAuthorization, useAuthorization } from "../store/authorizations.ts";
import { findConnectionId, saveConnection } from "../store/connection-status.ts";
import type { Connection } from "../store/connections.ts";
import { persistentlyUntil } from "../store/database.ts";
import type { ConnectionContext } from "./context.ts";
import { authorizationUrl, exchangeCode, isErrorCode, stagingHeader } from "./oauth.ts";
import { type CompleteTokens, toStored } from "./tokens.ts";

const ID_PREFIX = "con";

/** Nobody guesses them, and the verifier has the 43 characters that PKCE asks for. */
const RANDOM_BYTES = 32;

/** Qonto's own code lasts as long. */
export const AUTHORIZATION_SECONDS = 600;

/** The operator's browser waits for it. */
const SAVED_WITHIN_MS = 30_000;

/** Qonto's clock is known to the second. */
const CLOCK_STEP_MS = 1_000;

/** What the relay asks for: what all of it takes, and what the wanted types take to be subscribed to and listed. */
export function wantedScopes(types: readonly string[] | null): readonly string[] {
  const ofTypes = (types ?? cataloguedTypes.business).flatMap((type) => [scopeOf(type), listingOf(type)?.scope]);
  const all = ["offline_access", "organization.read", "webhook", ...ofTypes];
  return [...new Set(all.filter((scope) => scope !== null && scope !== undefined))];
}

interface Begin {
  /** Where Qonto sends the browser back, registered with the application. Its origin is that of the relay. */
  readonly redirectUri: string;
  /** What the operator's browser keeps, and nobody else has. */
  readonly owner: string;
}

/** Begins to connect an organization. Returns where the operator consents. */
export async function beginAuthorization(
  { env, config, world }: ConnectionContext,
  { redirectUri, owner }: Begin,
): Promise<{ readonly url: string }> {
  const [state, verifier] = [randomText(world), randomText(world)];
  // Of secrets that need not be read again D1 keeps digests alone.
  const digest = await digestOf(state);
  await recordAuthorization(env.DB, {
    state: digest,
    owner: await digestOf(owner),
    verifier: await encrypt(config.trustedKeys, verifier, digest, world),
    redirectUri,
    createdAt: world.now(),
  });
  const scopes = wantedScopes(config.qonto.types);
  return { url: await authorizationUrl(config.qonto, { redirectUri, scopes, state, verifier }) };
}

/**
 * Why nothing was connected. `unknown`: the relay has not begun it. `not_owner`: another browser has. `denied`: the operator does
 * not consent. `unavailable`: Qonto does not answer. `no_refresh_token`: it grants none, and without one the connection would end in
 * an hour. `failed`: it answers something else. None of them changes a connection, and the first five have nothing sent to Qonto.
 */
type Refusal = "unknown" | "used" | "expired" | "not_owner" | "denied" | "unavailable" | "no_refresh_token" | "failed";

export type Finished =
  | { readonly state: "connected"; readonly connectionId: string; readonly organizationName: string | null }
  | { readonly state: "refused"; readonly why: Refusal };

interface Callback {
  /** The address at which Qonto's redirect has arrived. */
  readonly callback: URL;
  /** What the browser keeps; null when it keeps nothing. */
  readonly owner: string | null;
}

/** Takes what Qonto has sent the browser back with. Each authorization is used up before its code goes to Qonto. */
export async function finishAuthorization(
  context: ConnectionContext,
  { callback, owner }: Callback,
): Promise<Finished> {
  const now = context.world.now();
  const { cause, ...finished } = await finish(context, callback.searchParams, owner);
  logLine("connection", {
    message: finished.state === "connected" ? "authorization.finished" : "authorization.refused",
    connection_id: finished.state === "connected" ? finished.connectionId : undefined,
    reason: finished.state === "refused" ? finished.why : undefined,
    cause,
    duration_ms: context.world.now() - now,
  });
  return finished;
}

/** With what the log says of a refusal besides, which holds nothing secret. */
type Caused = Finished & { readonly cause?: string | undefined };

async function finish(context: ConnectionContext, given: URLSearchParams, owner: string | null): Promise<Caused> {
  const { env, config, world } = context;
  const state = await digestOf(given.get("state") ?? "");
  const authorization = { state, owner: await digestOf(owner ?? "") };
  const now = world.now();
  const used = await useAuthorization(env.DB, authorization, { now, expiredAt: now - AUTHORIZATION_SECONDS * 1000 });
  if (used.state !== "usable") return refused(used.state);
  const error = given.get("error");
  if (error !== null)
    return refused(errorReasons.get(error) ?? "failed", isErrorCode(error) ? error : "no error code of OAuth");
  const code = given.get("code");
  const verifier = await decrypt(config.encryptionKeys, used.verifier, state);
  if (code === null) return refused("failed", "The callback has no code.");
  if (verifier === null) return refused("failed", "No key of ENCRYPTION_KEYS decrypts the verifier.");

  const askedAt = world.now();
  const answer = await exchangeCode({ code, redirectUri: used.redirectUri, verifier }, context);
  if (answer.state === "unavailable") return refused("unavailable", answer.why);
  if (answer.state === "refused") return refused("failed", answer.code);
  const { refreshToken, scopes } = answer.tokens;
  if (refreshToken === null) return refused("no_refresh_token");
  const tokens = { ...answer.tokens, refreshToken, scopes: scopes ?? wantedScopes(config.qonto.types) };
  const bank = await findBank(tokens, context);
  if ("why" in bank) return refused(bank.why, bank.cause);
  const relayUrl = new URL(used.redirectUri).origin;
  const { id, organizationName } = await save({ tokens, askedAt, relayUrl, ...bank }, context);
  return { state: "connected", connectionId: id, organizationName };
}

/** OAuth's names of what the authorization server reports (RFC 6749, 4.1.2.1). */
const errorReasons: ReadonlyMap<string, Refusal> = new Map([
  ["access_denied", "denied"],
  ["server_error", "unavailable"],
  ["temporarily_unavailable", "unavailable"],
]);

function refused(why: Refusal, cause?: string): Caused {
  return { state: "refused", why, cause };
}

interface FoundBank {
  readonly organization: Organization;
  /** What changed before is history, by Qonto's clock, Unix milliseconds. */
  readonly historyUntil: number;
}

/** The organization that the tokens are for. */
async function findBank(
  { accessToken }: CompleteTokens,
  { config, world }: ConnectionContext,
): Promise<FoundBank | { readonly why: "unavailable" | "failed"; readonly cause: string }> {
  const headers = { ...stagingHeader(config.qonto), authorization: `Bearer ${accessToken}` };
  const client = new QontoClient({ baseUrl: config.qonto.apiUrl, headers, world });
  try {
    const organization = await fetchOrganization(client);
    const answeredAt = client.answeredAtMs;
    return { organization, historyUntil: answeredAt === null ? world.now() : answeredAt + CLOCK_STEP_MS };
  } catch (error) {
    if (error instanceof QontoUnavailable) return { why: "unavailable", cause: error.message };
    if (error instanceof QontoRefusal) return { why: "failed", cause: error.message };
    throw error;
  }
}

interface Connecting extends FoundBank {
  readonly tokens: CompleteTokens;
  readonly askedAt: number;
  readonly relayUrl: string;
}

/** An organization that was connected before keeps its id. */
async function save(
  { organization, historyUntil, tokens, askedAt, relayUrl }: Connecting,
  context: ConnectionContext,
): Promise<Connection> {
  const { env, config, world } = context;
  const { environment } = config.qonto;
  const deadline = { until: world.now() + SAVED_WITHIN_MS, world };
  const newId = makeSortableId(ID_PREFIX, world);
  return persistentlyUntil(env.DB, deadline, async () => {
    const id = (await findConnectionId(env.DB, { environment, organizationId: organization.id })) ?? newId;
    const saved = await saveConnection(env.DB, {
      id,
      organizationId: organization.id,
      organizationName: organization.name,
      environment,
      relayUrl,
      connectedAt: world.now(),
      historyUntil,
      ...(await toStored(tokens, { id, askedAt }, context)),
    });
    if (saved === null) throw new Error("The organization was connected by another at the same moment");
    return saved;
  });
}

function randomText({ randomBytes }: Pick<ConnectionContext["world"], "randomBytes">): string {
  return randomBytes(RANDOM_BYTES).toBase64({ alphabet: "base64url", omitPadding: true });
}
