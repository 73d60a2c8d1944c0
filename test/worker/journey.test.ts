import { Webhook } from "standardwebhooks";
import { beforeAll, describe, expect, it } from "vitest";
import { verifyHmacSha256 } from "../../src/platform/hmac.ts";
import { sampleTypes, sourceOfType } from "../../src/qonto/sample-event.ts";
import { makePayload } from "../support/qonto.ts";
import { TestRelay } from "./support/relay.ts";

describe("an event of every type of the catalogue", () => {
  const relay = new TestRelay();
  const everything = "https://everything.example.com/hook";
  const money = "https://money.example.com/hook";
  const onboarding = "https://onboarding.example.com/hook";
  const secrets = new Map<string, string>();
  const sent = sampleTypes.map((type, index) => {
    const payload = makePayload(type);
    // Half of them pretty-printed: bytes count, not meaning.
    return { type, payload, text: index % 2 === 0 ? JSON.stringify(payload) : JSON.stringify(payload, null, 2) };
  });

  beforeAll(async () => {
    secrets.set(everything, (await relay.addDestination(everything)).secret);
    secrets.set(money, (await relay.addDestination(money, { types: ["v1/transactions", "v1/transfers"] })).secret);
    secrets.set(onboarding, (await relay.addDestination(onboarding, { types: ["registrations.*"] })).secret);
    for (const { type, text } of sent) {
      const response = sourceOfType(type) === "business" ? await relay.send(text) : await relay.sendOnboarding(text);
      expect(response.status).toBe(200);
    }
    await relay.runQueues();
  });

  it("reaches each destination that wants it, once, byte for byte", () => {
    const texts = (url: string) =>
      relay.destinations
        .at(url)
        .map(({ text }) => text)
        .toSorted();
    const expected = (wanted: (type: string) => boolean) =>
      sent
        .filter(({ type }) => wanted(type))
        .map(({ text }) => text)
        .toSorted();
    expect(texts(everything)).toEqual(expected(() => true));
    expect(texts(money)).toEqual(expected((type) => type === "v1/transactions" || type === "v1/transfers"));
    expect(texts(onboarding)).toEqual(expected((type) => type.startsWith("registrations.")));
  });

  it("bears a signature that the Standard Webhooks library verifies", () => {
    // The library holds the timestamp against its own clock.
    const realNow = Date.now;
    Date.now = () => relay.now;
    try {
      for (const { url, headers, text } of relay.destinations.received) {
        const webhook = new Webhook(secrets.get(url) ?? "");
        expect(() => webhook.verify(text, Object.fromEntries(headers))).not.toThrow();
      }
    } finally {
      Date.now = realNow;
    }
  });

  it("bears a signature as Qonto makes them, under the destination's whole secret", async () => {
    for (const { url, headers, body } of relay.destinations.received) {
      const [, timestamp = "", digest = ""] =
        /^t=(\d+),v1=([0-9a-f]{64})$/.exec(headers.get("x-qonto-signature") ?? "") ?? [];
      const signed = new Uint8Array([...new TextEncoder().encode(`${timestamp}.`), ...body]);
      expect(await verifyHmacSha256(secrets.get(url) ?? "", Uint8Array.fromHex(digest), signed)).toBe(true);
    }
  });

  it("names its id, its type and the attempt", () => {
    for (const { payload, type } of sent) {
      const request = relay.destinations.at(everything).find(({ headers }) => headers.get("webhook-id") === payload.id);
      expect(request?.headers.get("x-relay-event-type")).toBe(type);
      expect(request?.headers.get("x-relay-attempt")).toBe("1");
      expect(request?.headers.get("content-type")).toBe("application/json");
    }
  });

  it("is listed as settled, newest first", async () => {
    const { body } = await relay.api("GET", "/api/events?limit=100");
    expect(body.data).toHaveLength(sent.length);
    expect(new Set(body.data.map((event: { state: string }) => event.state))).toEqual(new Set(["settled"]));
  });
});
