import { Hono } from "hono";
import { z } from "zod";
import { consentPage, refusalPage } from "./consent-page.ts";
import type { Application, Consents, TokenPair } from "./consents.ts";
import { oauthError } from "./errors.ts";
import { isScope } from "./scopes.ts";
import type { QontoWorld } from "./world.ts";

export interface Customer {
  readonly organizationId: string;
  readonly membershipId: string;
  readonly name: string;
}

export interface OauthApiOptions {
  readonly applications: readonly Application[];
  readonly consents: Consents;
  readonly customers: () => readonly Customer[];
  /** With one it is a sandbox, and its token endpoint asks for it. */
  readonly stagingToken: string | undefined;
  readonly world: Pick<QontoWorld, "now">;
}

const SHORTEST_STATE = 8;

const query = z
  .object({
    response_type: z.literal("code"),
    scope: z
      .string()
      .transform((names) => names.split(" ").filter((name) => name !== ""))
      .pipe(z.array(z.string().refine(isScope)).min(1)),
    state: z.string().min(SHORTEST_STATE),
    code_challenge: z
      .string()
      .regex(/^[\w-]{43}$/)
      .optional(),
    code_challenge_method: z.literal("S256").optional(),
  })
  .refine((asked) => (asked.code_challenge === undefined) === (asked.code_challenge_method === undefined), {
    path: ["code_challenge_method"],
  });

/** By the form of the consent page, or by `simulate` in the query of the request for it: then no browser is needed. */
const decision = z.object({
  decision: z.enum(["accept", "deny"]),
  organization_id: z.string().optional(),
});

/** The authorization server: a consent page for people, and the token endpoint. */
export function oauthApi({ applications, consents, customers, stagingToken, world }: OauthApiOptions): Hono {
  const api = new Hono();

  api.on(["GET", "POST"], "/oauth2/auth", async (c) => {
    const given = new URL(c.req.url).searchParams;
    const application = applications.find(({ clientId }) => clientId === given.get("client_id"));
    const redirectUri = application?.redirectUris.find((uri) => uri === given.get("redirect_uri"));
    // Nobody is sent to an address that is not registered, not even with an error.
    if (application === undefined) return c.html(refusalPage("client_id is unknown"), 400);
    if (redirectUri === undefined) return c.html(refusalPage("redirect_uri is not registered"), 400);
    const goBack = (parameters: Readonly<Record<string, string>>) => {
      const url = new URL(redirectUri);
      const state = given.get("state");
      const all = { ...parameters, ...(state === null ? {} : { state }) };
      for (const [name, value] of Object.entries(all)) url.searchParams.set(name, value);
      return c.redirect(url.href);
    };

    const asked = query.safeParse(Object.fromEntries(given));
    if (!asked.success) return goBack(errorOf(asked.error));
    const inQuery = { decision: given.get("simulate"), organization_id: given.get("organization_id") ?? undefined };
    const form = c.req.method === "POST" ? await c.req.parseBody() : inQuery;
    const decided = decision.safeParse(form);
    if (!decided.success) return c.html(consentPage(asked.data.scope, customers(), new URL(c.req.url).search));
    if (decided.data.decision === "deny") {
      return goBack({ error: "access_denied", error_description: "The member has refused" });
    }
    const customer = customers().find(
      ({ organizationId }) => organizationId === (decided.data.organization_id ?? organizationId),
    );
    if (customer === undefined) return c.html(refusalPage("There is no such organization"), 400);
    const code = consents.issueCode({
      clientId: application.clientId,
      organizationId: customer.organizationId,
      membershipId: customer.membershipId,
      scopes: asked.data.scope,
      redirectUri,
      challenge: asked.data.code_challenge ?? null,
    });
    return goBack({ code });
  });

  api.post("/oauth2/token", async (c) => {
    if (c.req.header("content-type")?.split(";")[0] !== "application/x-www-form-urlencoded") {
      return oauthError(400, "invalid_request", "The body must be application/x-www-form-urlencoded");
    }
    const form = new URLSearchParams(await c.req.text());
    const field = (name: string) => form.get(name) ?? "";
    if (stagingToken !== undefined && c.req.header("x-qonto-staging-token") !== stagingToken) {
      return oauthError(401, "invalid_client", "The staging token is missing or wrong");
    }
    const application = applications.find(({ clientId }) => clientId === field("client_id"));
    if (application === undefined || application.clientSecret !== field("client_secret")) {
      return oauthError(401, "invalid_client", "Client authentication failed");
    }
    const { clientId } = application;
    switch (field("grant_type")) {
      case "authorization_code": {
        const challenge = form.has("code_verifier") ? await challengeOf(field("code_verifier")) : null;
        const of = { clientId, redirectUri: field("redirect_uri"), challenge };
        return tokenAnswer(consents.exchangeCode(field("code"), of), world);
      }
      case "refresh_token":
        return tokenAnswer(consents.refresh(field("refresh_token"), clientId), world);
      default:
        return oauthError(400, "unsupported_grant_type", "grant_type must be authorization_code or refresh_token");
    }
  });
  return api;
}

function errorOf({ issues }: z.ZodError): Readonly<Record<string, string>> {
  const parameter = String(issues[0]?.path[0]);
  const error = { scope: "invalid_scope", response_type: "unsupported_response_type" }[parameter] ?? "invalid_request";
  return { error, error_description: `${parameter} is missing or not valid` };
}

function tokenAnswer(pair: TokenPair | null, { now }: Pick<QontoWorld, "now">): Response {
  if (pair === null) return oauthError(400, "invalid_grant", "The grant is invalid, expired or revoked");
  const { accessToken, accessExpiresAt, refreshToken, scopes } = pair;
  const body = {
    access_token: accessToken,
    token_type: "bearer",
    expires_in: Math.floor((accessExpiresAt - now()) / 1000),
    ...(refreshToken === null ? {} : { refresh_token: refreshToken }),
    scope: scopes.join(" "),
  };
  return Response.json(body, { headers: { "cache-control": "no-store", pragma: "no-cache" } });
}

/** Of PKCE, method S256. */
async function challengeOf(verifier: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  return new Uint8Array(digest).toBase64({ alphabet: "base64url", omitPadding: true });
}
