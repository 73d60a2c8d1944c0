import { describe, expect, it } from "vitest";
import { parseBody, readAddress, readEnvelope } from "../../../src/qonto/envelope.ts";
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

  it("of an unknown type is read", () => {
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
  ])("with an odd %s is still read", (_field, payload) => {
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
    ["9007199254740993", "9007199254740993"],
    ["9007199254740995", "9007199254740995"],
    ["9007199254740992", "9007199254740992"],
    ["-7", "-7"],
    ["123456789012345678901234567890", "123456789012345678901234567890"],
    // One number in two spellings is two ids: two resources never become one.
    ["1000", "1000"],
    ["1e3", "1e3"],
    ["10.0", "10.0"],
    ["0.1", "0.1"],
    ["1e400", "1e400"],
    [`"9007199254740993"`, "9007199254740993"],
    [`"10.0"`, "10.0"],
    ["9".repeat(256), null],
    ["true", null],
  ])("keeps ids as they are written: %s", (written, id) => {
    const body = `{"id":"e1","type":"t","organization_id":${written},"created_at":1764410700.0,"data":{"id":${written}}}`;
    expect(readEnvelope("business", parseBody(body))).toMatchObject({
      organizationId: id,
      resourceId: id,
      createdAt: { iso: "2025-11-29T10:05:00Z" },
    });
    const onboarding = `\uFEFF{"id":"e1","event_type":"registrations.pending","resource_id":${written}}`;
    expect(readEnvelope("onboarding", parseBody(onboarding))?.resourceId).toBe(id);
    expect(readAddress("business", parseBody(`{"organization_id":${written}}`)).organizationId).toBe(id);
    for (const field of ["client_id", "payment_link_id"]) {
      const type = field === "client_id" ? "v1/consent-revocations" : "v1/payment-links";
      const named = `{"id":"e1","type":"${type}","data":{"${field}":${written}}}`;
      expect(readEnvelope("business", parseBody(named))?.resourceId).toBe(id);
    }
  });

  it("that is nested too deeply for lossless parsing has no id whose digits would be lost", () => {
    const deep = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
    const body = `{"id":"e1","type":"t","organization_id":7,"data":{"id":9007199254740993,"deep":${deep}}}`;
    expect(readEnvelope("business", parseBody(body))).toMatchObject({ organizationId: "7", resourceId: null });
  });

  it.each(["", "{", "nothing", '{"id":1,}'])("cannot be parsed out of %j", (text) => {
    expect(parseBody(text)).toBeUndefined();
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
