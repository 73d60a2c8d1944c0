import { describe, expect, it } from "vitest";
import { scopes } from "../../support/qonto-server/scopes.ts";
import { Client } from "./client.ts";

const SUBSCRIPTIONS = "/v2/webhook_subscriptions";
const input = { callback_url: "https://relay.test/webhooks/qonto", types: ["v1/cards", "v1/consent-revocations"] };
const post = (body: object) => ({ method: "POST", body: JSON.stringify(body) });
const missing = (scope: string) => ({
  status: 403,
  body: { code: "forbidden", detail: `missing required oauth scope: ${scope}` },
});

/** A network that takes all webhooks. */
function network() {
  const sent: any[] = [];
  const send = async (url: string, init: RequestInit) => {
    sent.push(await new Request(url, init).json());
    return new Response();
  };
  return { sent, send };
}

describe("a consent", () => {
  it("shows one organization and its subscriptions alone", async () => {
    const client = new Client();
    const other = client.qonto.addBank();
    const item = client.qonto.bank.make("v1/clients");
    const here = client.qonto.grant().accessToken;
    const there = client.qonto.grant({ organizationId: other.organizationId }).accessToken;
    expect((await client.call("/v2/clients", here)).body.clients).toMatchObject([{ id: item["id"] }]);
    expect((await client.call("/v2/clients", there)).body.clients).toEqual([]);
    const { body: made } = await client.call(SUBSCRIPTIONS, there, post(input));
    expect(made).toMatchObject({ organization_id: other.organizationId, membership_id: other.membershipId });
    expect((await client.call(SUBSCRIPTIONS, there)).body.subscriptions).toMatchObject([{ id: made.id }]);
    expect((await client.call(SUBSCRIPTIONS, here)).body.subscriptions).toEqual([]);
  });

  it("shows the subscriptions of one application alone", async () => {
    const client = new Client();
    const { accessToken } = client.qonto.grant();
    const foreign = client.qonto.subscribe({ callback_url: input.callback_url });
    const own = client.qonto.subscribe({ ...input, clientId: client.qonto.applications[0].clientId });
    expect((await client.call(SUBSCRIPTIONS, accessToken)).body.subscriptions).toMatchObject([{ id: own.id }]);
    expect((await client.call(`${SUBSCRIPTIONS}/${foreign.id}`, accessToken, { method: "DELETE" })).status).toBe(404);
  });

  it.each([
    ["/v2/organization", "organization.read"],
    ["/v2/transactions", "organization.read"],
    ["/v2/cards", "card.read"],
    ["/v2/payment_links", "payment_link.read"],
    ["/v2/client_invoices", "client_invoices.read"],
    [SUBSCRIPTIONS, "webhook"],
    [`${SUBSCRIPTIONS}/one`, "webhook"],
  ] as const)("allows %s with the scope %s", async (path, scope) => {
    const client = new Client();
    const allBut = client.qonto.grant({ scopes: scopes.filter((one) => one !== scope) });
    expect(await client.call(path, allBut.accessToken)).toMatchObject(missing(scope));
    const { accessToken } = client.qonto.grant({ scopes: [scope] });
    expect((await client.call(path, accessToken)).status).not.toBe(403);
  });

  it("allows a subscription to the types of its scopes", async () => {
    const client = new Client();
    const { accessToken } = client.qonto.grant({ scopes: ["webhook"] });
    expect(await client.call(SUBSCRIPTIONS, accessToken, post(input))).toMatchObject(missing("card.read"));
    const types = ["v1/consent-revocations"];
    expect((await client.call(SUBSCRIPTIONS, accessToken, post({ ...input, types }))).status).toBe(201);
  });

  it("can be reduced: for the tokens that there are, and for those of the next refresh", async () => {
    const client = new Client();
    const { accessToken, refreshToken } = client.qonto.grant({ scopes: ["offline_access", "webhook", "card.read"] });
    client.qonto.reduceScopes(client.qonto.bank.organizationId, ["offline_access", "webhook"]);
    expect(await client.call("/v2/cards", accessToken)).toMatchObject(missing("card.read"));
    expect((await client.refresh(refreshToken ?? "")).body.scope).toBe("offline_access webhook");
  });
});

describe("a consent that is revoked", () => {
  it("ends tokens and subscriptions of its organization and application, and tells the subscriptions before", async () => {
    const { sent, send } = network();
    const client = new Client({ send });
    const other = client.qonto.addBank();
    const here = client.qonto.grant();
    const there = client.qonto.grant({ organizationId: other.organizationId });
    await client.call(SUBSCRIPTIONS, here.accessToken, post(input));
    const { body: kept } = await client.call(SUBSCRIPTIONS, there.accessToken, post(input));
    const byHand = client.qonto.subscribe(input);

    await client.qonto.revokeConsent();
    expect(sent).toMatchObject([
      {
        type: "v1/consent-revocations",
        organization_id: client.qonto.bank.organizationId,
        data: { client_id: client.qonto.applications[0].clientId, revoked_at: new Date(client.now).toISOString() },
      },
    ]);
    expect((await client.call("/v2/organization", here.accessToken)).status).toBe(401);
    expect((await client.refresh(here.refreshToken ?? "")).body.error).toBe("invalid_grant");
    expect((await client.call("/v2/organization", there.accessToken)).status).toBe(200);
    expect([...client.qonto.subscriptions.keys()]).toEqual([kept.id, byHand.id]);
  });

  it("is not told when the webhooks are lost", async () => {
    const { sent, send } = network();
    const client = new Client({ send });
    await client.call(SUBSCRIPTIONS, client.qonto.grant().accessToken, post(input));
    client.qonto.faults.losesWebhooks = true;
    await client.qonto.revokeConsent();
    expect(sent).toEqual([]);
    expect(client.qonto.subscriptions.size).toBe(0);
  });
});

describe("a subscription", () => {
  it("gets the events of its organization", async () => {
    const { sent, send } = network();
    const client = new Client({ send });
    const other = client.qonto.addBank();
    await client.call(SUBSCRIPTIONS, client.qonto.grant().accessToken, post(input));
    await client.qonto.make("v1/cards", {}, other);
    expect(sent).toEqual([]);
    const card = await client.qonto.make("v1/cards");
    expect(sent).toMatchObject([{ organization_id: client.qonto.bank.organizationId, data: { id: card["id"] } }]);
  });

  it("can vanish, be disabled, and be edited by hand", async () => {
    const { sent, send } = network();
    const client = new Client({ send });
    const { accessToken } = client.qonto.grant();
    const { body: made } = await client.call(SUBSCRIPTIONS, accessToken, post(input));
    const shown = async () => (await client.call(SUBSCRIPTIONS, accessToken)).body.subscriptions;
    expect(await shown()).toEqual([expect.not.objectContaining({ enabled: expect.anything() })]);
    client.qonto.editSubscription(made.id, { enabled: false });
    await client.qonto.make("v1/cards");
    expect(await shown()).toMatchObject([{ enabled: false }]);
    client.qonto.editSubscription(made.id, { enabled: true, types: ["v1/clients"] });
    await client.qonto.make("v1/cards");
    expect(await shown()).toMatchObject([{ types: ["v1/clients"] }]);
    client.qonto.loseSubscription(made.id);
    await client.qonto.make("v1/clients");
    expect(await shown()).toEqual([]);
    expect(sent).toEqual([]);
  });

  it("keeps its secret when it is replaced without one", async () => {
    const client = new Client();
    const { accessToken } = client.qonto.grant();
    const { body: made } = await client.call(SUBSCRIPTIONS, accessToken, post(input));
    const put = async (body: object) => {
      const init = { ...post(body), method: "PUT" };
      expect((await client.call(`${SUBSCRIPTIONS}/${made.id}`, accessToken, init)).status).toBe(200);
      return client.qonto.subscriptions.get(made.id)?.secret;
    };
    expect(await put(input)).toBe(made.secret);
    const secret = "s".repeat(40);
    expect(await put({ ...input, secret })).toBe(secret);
  });
});
