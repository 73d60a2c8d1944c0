import { describe, expect, it } from "vitest";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay } from "../support/relay.ts";

describe.each([
  "/webhooks/qonto",
  "/webhooks/qonto/",
  "//webhooks/qonto",
  "/webhooks//qonto//",
  "/webhooks/qonto/?a=b",
])("a webhook to %s", (address) => {
  it("is taken", async () => {
    const relay = new TestRelay();
    const payload = makePayload("v1/cards");
    const response = await relay.fetch(address, await relay.signed(payload));
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: "accepted", event_id: payload.id });
  });

  it.each(["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])("by %s is told what is allowed", async (method) => {
    const response = await new TestRelay().fetch(address, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("POST");
  });
});

describe.each(["/", "//", "/webhooks", "/webhooks/qonto/x", "/webhooks/qontox", "/apis", "/wp-login.php"])(
  "a request to %s",
  (address) => {
    it.each(["GET", "HEAD", "POST", "PURGE"])("by %s is answered 404 without a call to D1", async (method) => {
      const relay = new TestRelay({ DB: asksNothing });
      const response = await relay.fetch(address, { method });
      expect(response.status).toBe(404);
      if (method !== "HEAD") expect(await response.json()).toMatchObject({ code: "not_found" });
    });
  },
);

const asksNothing = {
  prepare: () => {
    throw new Error("D1 was asked");
  },
  batch: () => {
    throw new Error("D1 was asked");
  },
} as never;
