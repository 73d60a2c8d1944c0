import { beforeEach, describe, expect, it, vi } from "vitest";
import { makePayload, businessRequest, onboardingRequest } from "../../support/qonto.ts";
import { BUSINESS_SECRET, TestRelay, emptyDatabase } from "../support/relay.ts";

beforeEach(emptyDatabase);

async function expectRefusal(response: Response, status: number, code: string): Promise<void> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const problem = await response.json();
  expect(problem).toMatchObject({ status, code });
  expect(Object.keys(problem as object).toSorted()).toEqual(["code", "detail", "status", "title", "type"]);
  expect(response.status).toBe(status);
}

async function recorded(relay: TestRelay): Promise<string[]> {
  const { body } = await relay.api("GET", "/api/events?limit=100");
  return body.data.map(({ id }: { id: string }) => id);
}

async function quarantined(relay: TestRelay): Promise<{ event_id: string | null; reason: string }[]> {
  return (await relay.api("GET", "/api/quarantine?limit=100")).body.data;
}

describe("a webhook", () => {
  it("without a signature is refused", async () => {
    const relay = new TestRelay();
    await expectRefusal(await relay.webhook({ method: "POST", body: "{}" }), 401, "signature_missing");
  });

  it("with a header that cannot be parsed is refused", async () => {
    const relay = new TestRelay();
    const request = { method: "POST", body: "{}", headers: { "x-qonto-signature": "v1=abc" } };
    await expectRefusal(await relay.webhook(request), 400, "signature_malformed");
  });

  it("signed by nobody we know is refused and leaves no trace, stale or not, readable or not", async () => {
    const relay = new TestRelay();
    for (const age of [0, 10_000, -10_000]) {
      for (const payload of [makePayload("v1/cards"), "no json"]) {
        const timestamp = Math.floor(relay.now / 1000) - age;
        const request = await businessRequest(payload, { secret: "forged", timestamp });
        await expectRefusal(await relay.webhook(request), 401, "signature_mismatch");
      }
    }
    const onboarding = await onboardingRequest(makePayload("registrations.pending"), { secret: BUSINESS_SECRET });
    await expectRefusal(await relay.webhook(onboarding), 401, "signature_mismatch");
    expect(await recorded(relay)).toEqual([]);
    expect(await quarantined(relay)).toEqual([]);
    expect(relay.events.sent).toEqual([]);
  });

  it("whose body was changed by a byte is refused", async () => {
    const relay = new TestRelay();
    const request = await relay.signed(makePayload("v1/cards"));
    const body = new Uint8Array([...request.body, 0x20]);
    await expectRefusal(await relay.webhook({ ...request, body }), 401, "signature_mismatch");
  });

  it.each([
    [300, 200, undefined],
    [301, 401, "timestamp_too_old"],
    [-300, 200, undefined],
    [-301, 401, "timestamp_in_future"],
  ])("signed %i s ago is answered %i", async (age, status, code) => {
    const relay = new TestRelay();
    const timestamp = Math.floor(relay.now / 1000) - age;
    const request = await businessRequest(makePayload("v1/cards"), { secret: BUSINESS_SECRET, timestamp });
    const response = await relay.webhook(request);
    if (code === undefined) expect(response.status).toBe(status);
    else await expectRefusal(response, status, code);
  });

  it("is judged by the tolerance that is configured", async () => {
    const relay = new TestRelay({ SIGNATURE_TOLERANCE_SECONDS: "10" });
    const timestamp = Math.floor(relay.now / 1000) - 11;
    const request = await businessRequest(makePayload("v1/cards"), { secret: BUSINESS_SECRET, timestamp });
    await expectRefusal(await relay.webhook(request), 401, "timestamp_too_old");
  });

  it("that is stale is kept in quarantine, once for each event", async () => {
    const relay = new TestRelay();
    const stale = (payload: object | string) =>
      businessRequest(payload, { secret: BUSINESS_SECRET, timestamp: Math.floor(relay.now / 1000) - 4_000 });
    const payload = makePayload("v1/cards");
    await relay.webhook(await stale(payload));
    await relay.webhook(await stale(payload));
    await relay.webhook(await stale({ ...payload, note: "another body" }));
    await relay.webhook(await stale("not json"));
    expect(await quarantined(relay)).toHaveLength(2);
    expect(await quarantined(relay)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ event_id: payload.id, reason: "timestamp_too_old" }),
        expect.objectContaining({ event_id: null, reason: "timestamp_too_old" }),
      ]),
    );
    expect(await recorded(relay)).toEqual([]);
  });

  it("that is stale and recorded already is refused and not kept", async () => {
    const relay = new TestRelay();
    const payload = makePayload("v1/cards");
    await relay.send(payload);
    const timestamp = Math.floor(relay.now / 1000) - 4_000;
    const stale = await businessRequest(payload, { secret: BUSINESS_SECRET, timestamp });
    await expectRefusal(await relay.webhook(stale), 401, "timestamp_too_old");
    expect((await quarantined(relay)).filter(({ event_id }) => event_id === payload.id)).toEqual([]);
  });

  it.each(["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])(
    "sent by %s is refused and told what is allowed",
    async (method) => {
      const relay = new TestRelay();
      const response = await relay.webhook({ method });
      expect(response.headers.get("allow")).toBe("POST");
      await expectRefusal(response, 405, "method_not_allowed");
    },
  );

  it("that needs a secret which is not set is refused loudly", async () => {
    const without = new TestRelay({ QONTO_WEBHOOK_SECRETS: " , " });
    await expectRefusal(await without.send(makePayload("v1/cards")), 503, "not_configured");
    const withoutOnboarding = new TestRelay({ QONTO_ONBOARDING_SECRETS: "" });
    const registration = makePayload("registrations.pending");
    await expectRefusal(await withoutOnboarding.sendOnboarding(registration), 503, "not_configured");
    expect((await withoutOnboarding.send(makePayload("v1/cards"))).status).toBe(200);
  });

  it("is refused loudly while a variable cannot be read, which the log names", async () => {
    const relay = new TestRelay({ SIGNATURE_TOLERANCE_SECONDS: "100000" });
    const failures = vi.spyOn(console, "error");
    const response = await relay.send(makePayload("v1/cards"));
    expect(await response.clone().text()).not.toMatch(/secret|SIGNATURE_TOLERANCE_SECONDS/);
    await expectRefusal(response, 503, "not_configured");
    expect(JSON.stringify(failures.mock.calls)).toContain(
      "SIGNATURE_TOLERANCE_SECONDS must be a whole number from 1 to 86400",
    );
    failures.mockRestore();
  });
});

describe("the size limit", () => {
  const limit = 2_000;
  const relay = () => new TestRelay({ MAX_BODY_BYTES: String(limit) });
  const payloadOf = (size: number) => {
    const payload = JSON.stringify(makePayload("v1/cards", { data: { padding: "" } }));
    return payload.replace(
      '"padding":""',
      `"padding":"${"x".repeat(size - new TextEncoder().encode(payload).length)}"`,
    );
  };

  it("lets a body through that is exactly as large", async () => {
    expect((await relay().send(payloadOf(limit))).status).toBe(200);
  });

  it("refuses a body that declares one byte more, without reading it", async () => {
    const oversized = relay();
    await expectRefusal(await oversized.send(payloadOf(limit + 1)), 413, "body_too_large");
  });

  it("refuses a streamed body of one byte more that declares nothing", async () => {
    const oversized = relay();
    const { body, headers } = await oversized.signed(payloadOf(limit + 1));
    let pulled = 0;
    const stream = new ReadableStream({
      pull(controller) {
        controller.enqueue(body.subarray(pulled, pulled + 100));
        pulled += 100;
        if (pulled >= body.length) controller.close();
      },
    });
    await expectRefusal(await oversized.webhook({ method: "POST", headers, body: stream }), 413, "body_too_large");
  });

  it("reads a stream without end no further than the limit", async () => {
    const oversized = relay();
    const { headers } = await oversized.signed("{}");
    let pulled = 0;
    const endless = new ReadableStream({
      pull(controller) {
        pulled += 1;
        controller.enqueue(new Uint8Array(500));
      },
    });
    await expectRefusal(await oversized.webhook({ method: "POST", headers, body: endless }), 413, "body_too_large");
    expect(pulled).toBeLessThan(20);
  });

  it("takes a streamed body under it", async () => {
    const small = relay();
    const { body, headers } = await small.signed(makePayload("v1/accounts"));
    const stream = new Blob([body.slice(0, 100), body.slice(100)]).stream();
    expect((await small.webhook({ method: "POST", headers, body: stream })).status).toBe(200);
  });
});

describe("Qonto's official vector", () => {
  const vector = {
    method: "POST",
    headers: {
      "x-qonto-signature": "t=1704110400,v1=56aff06dc227db80d6568a5070f912c601c31f20451745d257cbc0b5dfa93805",
    },
    body: '{"test":"data"}',
  };

  it("is authentic at its time, and holds no event", async () => {
    const relay = new TestRelay();
    relay.now = Date.parse("2024-01-01T12:05:00Z");
    expect(await (await relay.webhook(vector)).json()).toEqual({ status: "quarantined", reason: "unreadable" });
  });

  it("is stale a second later", async () => {
    const relay = new TestRelay();
    relay.now = Date.parse("2024-01-01T12:05:01Z");
    await expectRefusal(await relay.webhook(vector), 401, "timestamp_too_old");
  });
});

describe("both schemes at one address", () => {
  it("are told apart by their headers, each with its own secrets", async () => {
    const relay = new TestRelay({ QONTO_WEBHOOK_SECRETS: "first, second", QONTO_ONBOARDING_SECRETS: "third,fourth" });
    const timestamp = Math.floor(relay.now / 1000);
    for (const secret of ["first", "second"]) {
      const request = await businessRequest(makePayload("v1/cards"), { secret, timestamp });
      expect((await relay.webhook(request)).status).toBe(200);
    }
    for (const secret of ["third", "fourth"]) {
      const request = await onboardingRequest(makePayload("registrations.pending"), { secret });
      expect((await relay.webhook(request)).status).toBe(200);
    }
    const crossed = await businessRequest(makePayload("v1/cards"), { secret: "third", timestamp });
    await expectRefusal(await relay.webhook(crossed), 401, "signature_mismatch");
  });

  it("take an onboarding event of any age: its scheme signs no timestamp", async () => {
    const relay = new TestRelay();
    const response = await relay.sendOnboarding(
      makePayload("registrations.pending", { created_at: "2001-01-01T00:00:00Z" }),
    );
    expect(response.status).toBe(200);
  });
});
