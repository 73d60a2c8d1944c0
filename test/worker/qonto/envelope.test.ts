import { describe, expect, it } from "vitest";
import { readEnvelope } from "../../../src/qonto/envelope.ts";
import { sampleTypes, sourceOfType } from "../../../src/qonto/sample-event.ts";
import { makePayload } from "../../support/qonto.ts";

describe("an envelope", () => {
  it.each(sampleTypes)("of %s is read", (type) => {
    const payload = makePayload(type);
    expect(readEnvelope(sourceOfType(type), payload)).toMatchObject({ id: payload.id, type });
  });

  it.each([
    ["v1/transactions", "id"],
    ["v1/consent-revocations", "client_id"],
    ["v1/payment-links", "payment_link_id"],
    ["v1/memberships", "id"],
  ] as const)("of %s names its resource by %s", (type, field) => {
    const payload = makePayload(type, { data: { [field]: "resource-1" } });
    expect(readEnvelope("business", payload)?.resourceId).toBe("resource-1");
  });

  it("of a type without a resource id names none, even if there is one", () => {
    const payload = makePayload("v1/payment-links-connections", { data: { id: "x" } });
    expect(readEnvelope("business", payload)?.resourceId).toBeNull();
  });

  it("of a type that nobody has heard of is read", () => {
    const payload = { id: "e1", type: "v2/crypto-wallets", organization_id: "o1", data: { event: "minted", id: "w1" } };
    expect(readEnvelope("business", payload)).toMatchObject({
      type: "v2/crypto-wallets",
      resourceId: "w1",
      event: "minted",
    });
  });

  it.each([
    ["data", { id: "e1", type: "t", data: "text" }],
    ["data", { id: "e1", type: "t" }],
    ["organization_id", { id: "e1", type: "t", organization_id: { id: 1 } }],
    ["organization_id", { id: "e1", type: "t", organization_id: "" }],
    ["created_at", { id: "e1", type: "t", created_at: 5 }],
    ["created_at", { id: "e1", type: "t", created_at: "2022-11-31" }],
    ["data.event", { id: "e1", type: "t", data: { event: 7 } }],
    ["data.id", { id: "e1", type: "t", data: { id: [] } }],
    ["organization_id", { id: "e1", type: "t", organization_id: "\ud800" }],
  ])("with an odd %s is read all the same", (_field, payload) => {
    expect(readEnvelope("business", payload)).toMatchObject({
      id: "e1",
      type: "t",
      event: null,
      organizationId: null,
      resourceId: null,
      createdAt: null,
    });
  });

  it.each([
    null,
    undefined,
    [],
    "text",
    7,
    {},
    { id: "e1" },
    { type: "t" },
    { id: "", type: "t" },
    { id: 7, type: "t" },
    { id: "e1", type: null },
    { id: "two\nlines", type: "t" },
    { id: "é", type: "t" },
    { id: "x".repeat(256), type: "t" },
    { id: "e1", type: "a type" },
  ])("cannot be read out of %j", (json) => {
    expect(readEnvelope("business", json)).toBeNull();
  });

  it("takes an object's own fields only", () => {
    expect(readEnvelope("business", JSON.parse('{"__proto__":{"id":"e1","type":"t"}}'))).toBeNull();
  });
});
