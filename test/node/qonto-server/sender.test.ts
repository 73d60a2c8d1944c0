import { afterEach, describe, expect, it } from "vitest";
import { readSignature } from "../../../src/qonto/signature.ts";
import { DestinationServer } from "../../demo/destination-server.ts";
import { type QontoOptions, QontoServer } from "../../support/qonto-server/node/qonto-server.ts";

let qonto: QontoServer;
const receivers: DestinationServer[] = [];
afterEach(async () => {
  for (const receiver of receivers.splice(0)) receiver.stop();
  await qonto.stop();
});

/** A Qonto, and a receiver that has subscribed to cards. */
async function scene(answer: (before: number) => number = () => 200, options: QontoOptions = {}) {
  qonto = await QontoServer.start({ allowHttp: true, ...options });
  const receiver = await DestinationServer.start(answer);
  receivers.push(receiver);
  const secret = "s".repeat(32);
  await fetch(`${qonto.url}/v2/webhook_subscriptions`, {
    method: "POST",
    headers: { authorization: `Bearer ${qonto.accessToken}` },
    body: JSON.stringify({ callback_url: receiver.url, types: ["v1/cards"], secret }),
  });
  return { receiver, secret };
}

describe("Qonto as a sender", () => {
  it("sends what was subscribed to, signed with the subscription's secret", async () => {
    const { receiver, secret } = await scene();
    await qonto.make("v1/transfers");
    const card = await qonto.make("v1/cards");
    const [request, ...more] = receiver.requests;
    expect(more).toEqual([]);
    expect(JSON.parse(String(request?.body))).toMatchObject({
      type: "v1/cards",
      organization_id: qonto.bank.organizationId,
      data: { event: "created", id: card["id"] },
    });
    const signature = readSignature(
      new Headers({ "x-qonto-signature": String(request?.headers["x-qonto-signature"]) }),
    );
    expect(
      typeof signature !== "string" && (await signature.matches(Uint8Array.from(request?.body ?? []), secret)),
    ).toBe(true);
  });

  it("tries again what is refused or not answered within a second, until it is answered 2xx", async () => {
    const { receiver } = await scene((before) => [500, 0, 302][before] ?? 204, { sender: { backOffMs: [1, 1, 1, 1] } });
    const [delivery] = await qonto.emit(qonto.event("v1/cards"));
    expect(delivery?.outcome).toBe("delivered");
    expect(delivery?.tries.map(({ status }) => status)).toEqual([500, null, 302, 204]);
    expect(new Set(receiver.requests.map(({ body }) => String(body))).size).toBe(1);
  });

  it("abandons the event in the end", async () => {
    await scene(() => 500, { sender: { backOffMs: [1, 1] } });
    const [delivery] = await qonto.emit(qonto.event("v1/cards"));
    expect(delivery).toMatchObject({ outcome: "abandoned", tries: [{}, {}, {}] });
  });

  it("sends twice, or signed long ago, as it is told", async () => {
    const { receiver } = await scene();
    await qonto.emit(qonto.event("v1/cards"), { times: 2 });
    expect(receiver.requests).toHaveLength(2);
    await qonto.emit(qonto.event("v1/cards"), { ageSeconds: 3_600 });
    const signedAt = Number(/t=(\d+)/.exec(String(receiver.requests[2]?.headers["x-qonto-signature"]))?.[1]);
    expect(Math.abs(Date.now() / 1000 - 3_600 - signedAt)).toBeLessThan(60);
  });

  it("sends onboarding events to the registered webhook, with the digest of the body", async () => {
    const { receiver } = await scene();
    await fetch(`${qonto.url}/register/webhooks`, {
      method: "POST",
      headers: { authorization: `Bearer ${qonto.accessToken}`, "qonto-partner-id": "p" },
      body: JSON.stringify({ callback_url: receiver.url, secret: "onboarding", enabled: true }),
    });
    await qonto.emit(qonto.event("registrations.pending"));
    expect(receiver.requests[0]?.headers["qonto-sha256-signature"]).toMatch(/^[0-9a-f]{64}$/);
  });
});
