import { afterEach, describe, expect, it } from "vitest";
import { readConfig, openBindings } from "../../../src/env.ts";
import { decrypt } from "../../../src/platform/encryption.ts";
import { realWorld } from "../../../src/platform/world.ts";
import { connect, connectDirectly, qontoApplication } from "./connected-relay.ts";
import { BUSINESS_SECRET, TestRelay, emptyDatabase } from "./relay.ts";

afterEach(emptyDatabase);

const API = "https://thirdparty.qonto.com";

describe("a relay beside the simulated Qonto", () => {
  it("has tokens of a connection that Qonto accepts", async () => {
    const relay = new TestRelay(qontoApplication);
    const other = relay.qonto.addBank();
    const connection = await connectDirectly(relay, { organizationId: other.organizationId });
    expect(connection).toMatchObject({ organizationId: other.organizationId, status: "connected" });
    const { trustedKeys } = readConfig(openBindings(realWorld)(relay.env));
    const token = await decrypt(trustedKeys, connection.accessToken, connection.id);
    const answer = await relay.qonto.fetch(`${API}/v2/organization`, { headers: { authorization: `Bearer ${token}` } });
    expect(await answer.json()).toMatchObject({ organization: { id: other.organizationId } });
  });

  it("is connected by an operator, and looked after by the next cron run", async () => {
    const relay = new TestRelay(qontoApplication);
    const { organizationId } = relay.qonto.addBank();
    const connection = await connect(relay, organizationId);
    expect(connection).toMatchObject({ organizationId, status: "connected", subscriptions: [] });
    await relay.runCron();
    const { body } = await relay.api("GET", "/api/connections");
    expect(body.data).toMatchObject([{ id: connection.id, subscriptions: [{ status: "active" }], last_error: null }]);
    await relay.qonto.make("v1/clients", {}, relay.qonto.bankOf(organizationId));
    expect(relay.qonto.sender.deliveries).toMatchObject([{ outcome: "delivered", tries: [{ status: 200 }] }]);
  });

  it("takes what Qonto emits to its subscription, unless Qonto loses it", async () => {
    const relay = new TestRelay();
    await relay.qonto.fetch(`${API}/v2/webhook_subscriptions`, {
      method: "POST",
      headers: { authorization: `Bearer ${relay.qonto.accessToken}` },
      body: JSON.stringify({ callback_url: "https://relay.test/webhooks/qonto", types: ["v1/cards"] }),
    });
    for (const subscription of relay.qonto.subscriptions.values()) subscription.secret = BUSINESS_SECRET;
    const card = await relay.qonto.make("v1/cards");
    relay.qonto.faults.losesWebhooks = true;
    await relay.qonto.make("v1/cards");
    expect(relay.qonto.sender.deliveries).toMatchObject([{ outcome: "delivered", tries: [{ status: 200 }] }]);
    const { body } = await relay.api("GET", "/api/events");
    expect(body.data).toMatchObject([{ type: "v1/cards", resource_id: card["id"] }]);
  });
});
