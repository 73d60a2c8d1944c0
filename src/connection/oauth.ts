import * as oauth from "oauth4webapi";
import type { QontoApplication } from "../config.ts";
import { parseRetryAfter } from "../domain/retry-after.ts";
import { bounded } from "../platform/http.ts";
import { withTimeout } from "../platform/timeout.ts";
import type { ConnectionContext } from "./context.ts";

/** Qonto's OAuth server: docs.qonto.com/api-reference/business-api/authentication. Its answers are values, none is thrown. */

const ANSWERS_WITHIN_MS = 10_000;

/** Tokens take a few kilobytes. */
const LARGEST_ANSWER_BYTES = 100_000;

/** As Qonto documents it. */
const ACCESS_TOKEN_SECONDS = 3_600;

/** Tokens that Qonto has given. */
export interface GrantedTokens {
  readonly accessToken: string;
  readonly expiresInSeconds: number;
  /** Null: it gave none. */
  readonly refreshToken: string | null;
  /** Null: it did not say which. */
  readonly scopes: readonly string[] | null;
}

/** There was no answer, or none that can be read. */
interface Unavailable {
  readonly state: "unavailable";
  readonly why: string;
  /** Qonto may have exchanged what it was sent, but not where it says that it had no time for it (429, 503). */
  readonly mayBeExchanged: boolean;
  /** How long Qonto asks to wait; null when it does not say. */
  readonly retryAfterSeconds: number | null;
}

/** `refused`: Qonto has given nothing, for the reason that its error code names. */
export type TokenAnswer =
  | { readonly state: "granted"; readonly tokens: GrantedTokens }
  | { readonly state: "refused"; readonly code: string }
  | Unavailable;

type TokenContext = Pick<ConnectionContext, "world"> & { readonly config: { readonly qonto: QontoApplication } };

interface AuthorizationRequest {
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  readonly state: string;
  /** Of PKCE. */
  readonly verifier: string;
}

/** Where the operator consents. */
export async function authorizationUrl(
  application: QontoApplication,
  { redirectUri, scopes, state, verifier }: AuthorizationRequest,
): Promise<string> {
  const url = new URL(endpointsOf(application).authorization_endpoint);
  url.search = new URLSearchParams({
    response_type: "code",
    client_id: application.clientId,
    redirect_uri: redirectUri,
    scope: scopes.join(" "),
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  }).toString();
  return url.href;
}

/** Exchanges an authorization code. Qonto takes each once. */
export async function exchangeCode(
  { code, redirectUri, verifier }: { readonly code: string; readonly redirectUri: string; readonly verifier: string },
  context: TokenContext,
): Promise<TokenAnswer> {
  return request(context, async (server, client, authentication, options) => {
    // The state has led to its row already. There is one server, so its optional `iss` tells nothing.
    const parameters = oauth.validateAuthResponse(server, client, new URLSearchParams({ code }), oauth.expectNoState);
    const response = await oauth.authorizationCodeGrantRequest(
      server,
      client,
      authentication,
      parameters,
      redirectUri,
      verifier,
      options,
    );
    return oauth.processAuthorizationCodeResponse(server, client, response);
  });
}

/** Exchanges a refresh token for new tokens. Qonto takes it again for 60 s after its first use. */
export async function exchangeRefreshToken(
  refreshToken: string,
  answersWithinMs: number,
  context: TokenContext,
): Promise<TokenAnswer> {
  const exchange: Exchange = async (server, client, authentication, options) => {
    const response = await oauth.refreshTokenGrantRequest(server, client, authentication, refreshToken, options);
    return oauth.processRefreshTokenResponse(server, client, response);
  };
  return request(context, exchange, answersWithinMs);
}

type Exchange = (
  server: oauth.AuthorizationServer,
  client: oauth.Client,
  authentication: oauth.ClientAuth,
  options: oauth.TokenEndpointRequestOptions,
) => Promise<oauth.TokenEndpointResponse>;

async function request(
  { config, world }: TokenContext,
  exchange: Exchange,
  answersWithinMs = ANSWERS_WITHIN_MS,
): Promise<TokenAnswer> {
  const application = config.qonto;
  const timeout = new AbortController();
  let answer: Response | null = null;
  const options: oauth.TokenEndpointRequestOptions = {
    signal: timeout.signal,
    headers: stagingHeader(application),
    // On a developer's machine alone: src/config.ts takes no http elsewhere.
    [oauth.allowInsecureRequests]: application.oauthUrl.startsWith("http:"),
    [oauth.customFetch]: async (url, init) => (answer = bounded(await world.fetch(url, init), LARGEST_ANSWER_BYTES)),
  };
  const client = { client_id: application.clientId };
  const authentication = oauth.ClientSecretPost(application.clientSecret);
  const exchanged = await withTimeout(
    exchange(endpointsOf(application), client, authentication, options),
    answersWithinMs,
    world,
  );
  if (exchanged.state === "done") return { state: "granted", tokens: toTokens(exchanged.value) };
  timeout.abort();
  return exchanged.state === "late"
    ? unanswered("Qonto does not answer in time")
    : toRefusal(answer, exchanged.error, world.now());
}

/** Without it the sandbox takes no request, of the API neither. */
export function stagingHeader({ stagingToken }: QontoApplication): Record<string, string> {
  return stagingToken === null ? {} : { "x-qonto-staging-token": stagingToken };
}

function endpointsOf({ oauthUrl }: QontoApplication) {
  return {
    issuer: oauthUrl,
    authorization_endpoint: `${oauthUrl}/oauth2/auth`,
    token_endpoint: `${oauthUrl}/oauth2/token`,
  };
}

function toTokens({ access_token, expires_in, refresh_token, scope }: oauth.TokenEndpointResponse): GrantedTokens {
  return {
    accessToken: access_token,
    expiresInSeconds: expires_in ?? ACCESS_TOKEN_SECONDS,
    refreshToken: refresh_token ?? null,
    scopes: scope?.split(" ").filter((one) => one !== "") ?? null,
  };
}

function unanswered(why: string): Unavailable {
  return { state: "unavailable", why, mayBeExchanged: true, retryAfterSeconds: null };
}

/** An error's own text is not shown: it may quote the answer, which has the tokens. */
function toRefusal(answer: Response | null, error: unknown, now: number): TokenAnswer {
  // What was not read would keep the connection.
  answer?.body?.cancel().catch(() => undefined);
  if (answer === null) return unanswered("Qonto cannot be reached");
  const { status, headers } = answer;
  if (status === 429 || status >= 500) {
    const mayBeExchanged = status !== 429 && status !== 503;
    const retryAfterSeconds = parseRetryAfter(headers.get("retry-after"), now);
    return { state: "unavailable", why: `Qonto answers ${status}`, mayBeExchanged, retryAfterSeconds };
  }
  if (status < 400) return unanswered("Qonto's answer is not as documented");
  const code = error instanceof oauth.ResponseBodyError ? error.error : "";
  return { state: "refused", code: isErrorCode(code) ? code : `HTTP ${status}` };
}

/** A word of the protocol, and nothing secret. */
export function isErrorCode(text: string): boolean {
  return /^[a-z_]{1,60}$/.test(text);
}
