import { describe, expect, it } from "vitest";
import { controls } from "../../support/qonto-server/controls.ts";
import { SimulatedQonto } from "../../support/qonto-server/simulated-qonto.ts";

const URL_OF_RELAY = "https://relay.test/webhooks/qonto";

function scene() {
  const qonto = new SimulatedQonto({ send: async () => new Response() });
  const app = controls(qonto);
  const post = async (path: string, input?: object) => {
    const body = input === undefined ? {} : { body: JSON.stringify(input) };
    const response = await app.request(`/simulate/${path}`, { method: "POST", ...body });
    return { status: response.status, body: await response.json() };
  };
  return { qonto, post };
}

describe("the controls of a simulated Qonto", () => {
  it("change the bank, and send the events to what is subscribed", async () => {
    const { qonto, post } = scene();
    qonto.subscribe({ callback_url: URL_OF_RELAY, types: ["v1/clients"] });
    const { status, body } = await post("events", { type: "v1/clients", count: 2, changes: { name: "Ada" } });
    expect(status).toBe(200);
    expect(body).toMatchObject([{ url: URL_OF_RELAY, outcome: "delivered" }, { outcome: "delivered" }]);
    expect(qonto.bank.all("v1/clients")).toMatchObject([{ name: "Ada" }, { name: "Ada" }]);
  });

  it("change another organization, of which there is one however often it changes", async () => {
    const { qonto, post } = scene();
    const { organizationId } = qonto.addBank();
    await post("events", { organization_id: organizationId, type: "v1/organizations", changes: { legal_name: "Ada" } });
    expect(qonto.bankOf(organizationId).all("v1/organizations")).toMatchObject([{ legal_name: "Ada" }]);
    expect(qonto.bank.name).not.toBe("Ada");
  });

  it("send events of what the bank does not list", async () => {
    const { qonto, post } = scene();
    qonto.subscribe({ callback_url: URL_OF_RELAY, types: ["v1/terminal-payments"] });
    expect((await post("events", { type: "v1/terminal-payments" })).body).toMatchObject([{ outcome: "delivered" }]);
  });

  it("lose webhooks until they are told not to", async () => {
    const { qonto, post } = scene();
    qonto.subscribe({ callback_url: URL_OF_RELAY, types: ["v1/clients"] });
    await post("webhooks", { lost: true });
    expect((await post("events", { type: "v1/clients" })).body).toEqual([]);
    await post("webhooks", { lost: false });
    expect((await post("events", { type: "v1/clients" })).body).toHaveLength(1);
  });

  it("lose one subscription, or all", async () => {
    const { qonto, post } = scene();
    const [one, ...others] = [1, 2, 3].map(() => qonto.subscribe({ callback_url: URL_OF_RELAY }).id);
    expect((await post("subscriptions/lose", { id: one })).body).toEqual({ lost: [one] });
    expect((await post("subscriptions/lose")).body).toEqual({ lost: others });
    expect(qonto.subscriptions.size).toBe(0);
  });

  it("reduce and revoke the consents of an organization", async () => {
    const { qonto, post } = scene();
    const { accessToken } = qonto.grant();
    await post("consents/scopes", { scopes: ["webhook"] });
    expect(qonto.consents.consentOf(accessToken)?.scopes).toEqual(["webhook"]);
    expect((await post("consents/revoke")).status).toBe(200);
    expect(qonto.consents.consentOf(accessToken)).toBeNull();
  });

  it.each([
    ["events", { type: "v1/nothing" }],
    ["events", { type: "v1/cards", organization_id: "unknown" }],
    ["subscriptions/lose", { id: "unknown" }],
    ["consents/scopes", { scopes: ["everything"] }],
  ])("refuse for %s what there is not: %o", async (path, input) => {
    expect((await scene().post(path, input)).status).toBe(400);
  });
});
