import { describe, expect, it } from "vitest";
import { Client, OAUTH, REDIRECT_URI, STATE, addressOf } from "./client.ts";

const MINUTE_MS = 60_000;
const invalidGrant = { status: 400, body: { error: "invalid_grant" } };

describe("the consent page", () => {
  it("names the scopes and the organizations, and goes on by its own form", async () => {
    const { qonto } = new Client();
    const other = qonto.addBank();
    const page = await qonto.fetch(addressOf());
    const text = await page.text();
    expect(page.status).toBe(200);
    expect(text).toContain("offline_access, organization.read, webhook");
    expect(text).toContain(`value="${qonto.bank.organizationId}"`);
    expect(text).toContain(`value="${other.organizationId}"`);
    const action = /action="([^"]+)"/.exec(text)?.[1]?.replaceAll("&amp;", "&") ?? "";
    const body = new URLSearchParams({ decision: "accept", organization_id: other.organizationId });
    const answer = await qonto.fetch(OAUTH + action, { method: "POST", body });
    expect(answer.status).toBe(302);
    const location = new URL(answer.headers.get("location") ?? "");
    expect(location.origin + location.pathname).toBe(REDIRECT_URI);
    expect(Object.fromEntries(location.searchParams)).toEqual({ code: expect.any(String), state: STATE });
  });

  it("sends nobody to an address that is not registered, nor for an application that is unknown", async () => {
    const { qonto } = new Client();
    for (const changes of [{ redirect_uri: `${REDIRECT_URI}/` }, { client_id: "unknown" }]) {
      const answer = await qonto.fetch(`${addressOf(changes)}&simulate=accept`);
      expect(answer.status).toBe(400);
      expect(answer.headers.get("location")).toBeNull();
    }
  });

  it.each([
    ["a state of seven characters", { state: "1234567" }, "invalid_request"],
    ["a scope that there is not", { scope: "webhook everything" }, "invalid_scope"],
    ["no scope", { scope: "" }, "invalid_scope"],
    ["another response type", { response_type: "token" }, "unsupported_response_type"],
    ["PKCE in clear", { code_challenge: "x".repeat(43), code_challenge_method: "plain" }, "invalid_request"],
    ["a challenge without its method, which would be plain", { code_challenge: "x".repeat(43) }, "invalid_request"],
  ])("sends back with an error for %s", async (_title, changes, error) => {
    const { qonto } = new Client();
    const { searchParams } = new URL(await qonto.decide(addressOf(changes), "accept"));
    expect(searchParams.get("error")).toBe(error);
    expect(searchParams.has("code")).toBe(false);
  });

  it("sends back with access_denied when the member refuses", async () => {
    const { qonto } = new Client();
    const { searchParams } = new URL(await qonto.decide(addressOf(), "deny"));
    expect(searchParams.get("error")).toBe("access_denied");
    expect(searchParams.get("state")).toBe(STATE);
  });
});

describe("a code", () => {
  it("is exchanged for tokens of the organization that the member chose", async () => {
    const client = new Client();
    const { organizationId } = client.qonto.addBank();
    const { status, headers, body } = await client.exchange(await client.code({}, organizationId));
    expect(status).toBe(200);
    expect(headers.get("cache-control")).toBe("no-store");
    expect(body).toEqual({
      access_token: expect.any(String),
      refresh_token: expect.any(String),
      token_type: "bearer",
      expires_in: 3_600,
      scope: "offline_access organization.read webhook",
    });
    const organization = await client.call("/v2/organization", body.access_token);
    expect(organization.body.organization.id).toBe(organizationId);
  });

  it("brings no refresh token without offline_access", async () => {
    const client = new Client();
    const { body } = await client.exchange(await client.code({ scope: "organization.read" }));
    expect(body).not.toHaveProperty("refresh_token");
  });

  it("that is used twice ends the tokens of its first use", async () => {
    const client = new Client();
    const code = await client.code();
    const { body } = await client.exchange(code);
    expect(await client.exchange(code)).toMatchObject(invalidGrant);
    expect((await client.call("/v2/organization", body.access_token)).status).toBe(401);
    expect(await client.refresh(body.refresh_token)).toMatchObject(invalidGrant);
  });

  it("lasts ten minutes", async () => {
    const client = new Client();
    const code = await client.code();
    client.now += 10 * MINUTE_MS;
    expect(await client.exchange(code)).toMatchObject(invalidGrant);
  });

  it("is that of one redirect URI", async () => {
    const client = new Client();
    expect(await client.exchange(await client.code(), { redirect_uri: "https://other.test/" })).toMatchObject(
      invalidGrant,
    );
  });

  it("with a challenge takes its verifier, and without one none", async () => {
    const client = new Client();
    // RFC 7636, appendix B.
    const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const challenge = {
      code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
      code_challenge_method: "S256",
    };
    expect(await client.exchange(await client.code(challenge))).toMatchObject(invalidGrant);
    const wrong = { code_verifier: `${verifier}x` };
    expect(await client.exchange(await client.code(challenge), wrong)).toMatchObject(invalidGrant);
    expect(await client.exchange(await client.code(), { code_verifier: verifier })).toMatchObject(invalidGrant);
    expect((await client.exchange(await client.code(challenge), { code_verifier: verifier })).status).toBe(200);
  });
});

describe("a refresh token", () => {
  const tokensOf = async (client: Client) => (await client.exchange(await client.code())).body;

  it("is replaced at each use, and the old one holds for a minute after the first", async () => {
    const client = new Client();
    const { refresh_token } = await tokensOf(client);
    client.now += 60 * MINUTE_MS;
    const first = await client.refresh(refresh_token);
    client.now += MINUTE_MS;
    const second = await client.refresh(refresh_token);
    client.now += 1;
    expect(await client.refresh(refresh_token)).toMatchObject(invalidGrant);
    expect(new Set([refresh_token, first.body.refresh_token, second.body.refresh_token]).size).toBe(3);
    for (const { body } of [first, second]) {
      expect((await client.call("/v2/organization", body.access_token)).status).toBe(200);
      expect((await client.refresh(body.refresh_token)).status).toBe(200);
    }
  });

  it("lasts 90 days, an access token an hour", async () => {
    const client = new Client();
    const { access_token, refresh_token } = await tokensOf(client);
    client.now += 60 * MINUTE_MS - 1;
    expect((await client.call("/v2/organization", access_token)).status).toBe(200);
    client.now += 1;
    expect((await client.call("/v2/organization", access_token)).status).toBe(401);
    client.now += (90 * 24 - 1) * 60 * MINUTE_MS;
    expect(await client.refresh(refresh_token)).toMatchObject(invalidGrant);
  });

  it("is that of one application", async () => {
    const [one, other] = [
      { clientId: "one", clientSecret: "secret of one", redirectUris: [REDIRECT_URI] },
      { clientId: "other", clientSecret: "secret of other", redirectUris: [REDIRECT_URI] },
    ];
    const client = new Client({ applications: [one, other] });
    const { refreshToken } = client.qonto.grant();
    const form = { grant_type: "refresh_token", refresh_token: refreshToken ?? "" };
    const of = ({ clientId, clientSecret }: typeof one) => ({ client_id: clientId, client_secret: clientSecret });
    expect(await client.token({ ...form, ...of(other) })).toMatchObject(invalidGrant);
    expect((await client.token({ ...form, ...of(one) })).status).toBe(200);
  });
});

describe("the token endpoint", () => {
  it("refuses a wrong secret, an unknown grant, and what is no form", async () => {
    const client = new Client();
    expect(await client.token({ client_secret: "wrong" })).toMatchObject({
      status: 401,
      body: { error: "invalid_client" },
    });
    expect(await client.token({ grant_type: "password" })).toMatchObject({
      status: 400,
      body: { error: "unsupported_grant_type" },
    });
    const json = await client.qonto.fetch(`${OAUTH}/oauth2/token`, { method: "POST", body: "{}" });
    expect(await json.json()).toMatchObject({ error: "invalid_request" });
  });

  it("of the sandbox takes its staging token", async () => {
    const client = new Client({ stagingToken: "staging" });
    const code = await client.code();
    expect(await client.exchange(code)).toMatchObject({ status: 401, body: { error: "invalid_client" } });
    const form = { grant_type: "authorization_code", code, redirect_uri: REDIRECT_URI };
    expect((await client.token(form, { "x-qonto-staging-token": "staging" })).status).toBe(200);
  });
});
