import { env } from "cloudflare:workers";
import parsePrometheusText from "parse-prometheus-text-format";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ADMIN_TOKEN } from "../../support/admin-token.ts";
import { sleep } from "../../../src/platform/timeout.ts";
import { firstLease } from "../../../src/domain/lease.ts";
import { type SignedRequest, businessRequest, makePayload } from "../../support/qonto.ts";
import { BUSINESS_SECRET, TestRelay, emptyDatabase } from "../support/relay.ts";

beforeEach(emptyDatabase);
afterEach(() => void vi.restoreAllMocks());

const ways = ["declared", "streamed"] as const;
type Way = (typeof ways)[number];

interface Slow {
  /** Before the last byte. */
  readonly ms: number;
  /** In place of the last byte. */
  readonly error?: Error;
}

/** The request with a body whose last byte comes late, or never. */
function slowly(relay: TestRelay, { headers, body }: SignedRequest, way: Way, { ms, error }: Slow): RequestInit {
  let pulls = 0;
  const stream = new ReadableStream({
    async pull(controller) {
      pulls += 1;
      if (pulls === 1) return controller.enqueue(body.subarray(0, -1));
      await sleep(ms, relay.clock);
      if (error !== undefined) return controller.error(error);
      controller.enqueue(body.subarray(-1));
      controller.close();
    },
  });
  const length = { "content-length": String(body.length) };
  return { method: "POST", headers: { ...headers, ...(way === "declared" ? length : {}) }, body: stream };
}

/** Bounds and sum of the histogram of acknowledgements, in seconds. */
async function acknowledgements(relay: TestRelay) {
  const response = await relay.fetch("/metrics", { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
  const family = parsePrometheusText(await response.text()).find(
    ({ name }) => name === "qonto_relay_acknowledgement_seconds",
  );
  const { count, sum, buckets } = family?.metrics[0] ?? {};
  return { count: Number(count ?? 0), sum: Number(sum ?? 0), within10ms: Number(buckets?.["0.01"] ?? 0) };
}

/** What the Worker logs of its webhooks, and all that it logs as a failure. */
function watchLog() {
  const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
  const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const received = () => log.mock.calls.map(([line]) => line).filter(({ unit }) => unit === "receive");
  return { received, errors: () => errors.mock.calls };
}

describe.each(ways)("a body that is %s", (way) => {
  it("and complete within five seconds is taken", async () => {
    const relay = new TestRelay();
    const response = await relay.webhook(
      slowly(relay, await relay.signed(makePayload("v1/cards")), way, { ms: 4_999 }),
    );
    expect([response.status, await response.json()]).toEqual([200, expect.objectContaining({ status: "accepted" })]);
  });

  it("and not complete after five seconds is refused with 408, and logged as no failure", async () => {
    const relay = new TestRelay();
    const log = watchLog();
    const request = slowly(relay, await relay.signed(makePayload("v1/cards")), way, { ms: 5_001 });
    const start = relay.now;
    const response = await relay.webhook(request);
    expect(relay.now - start).toBe(5_000);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect([response.status, await response.json()]).toEqual([408, expect.objectContaining({ code: "body_timeout" })]);
    expect(log.received()).toEqual([
      {
        unit: "receive",
        message: "request.answered",
        outcome: "refused",
        code: "body_timeout",
        source: "business",
        body_ms: 5_000,
        duration_ms: 0,
      },
    ]);
    expect(log.errors()).toEqual([]);
    expect((await relay.api("GET", "/api/ledger")).body).toMatchObject({ received: 0 });
  });

  it("and broken off by its sender is one quiet line of the log", async () => {
    const relay = new TestRelay();
    const log = watchLog();
    const error = new Error("Network connection lost.");
    const request = slowly(relay, await relay.signed(makePayload("v1/cards")), way, { ms: 40, error });
    const response = await relay.webhook(request);
    expect([response.status, await response.json()]).toEqual([408, expect.objectContaining({ code: "body_timeout" })]);
    expect(log.received()).toEqual([
      {
        unit: "receive",
        message: "request.answered",
        outcome: "broken_off",
        source: "business",
        body_ms: 40,
        duration_ms: 0,
      },
    ]);
    expect(log.errors()).toEqual([]);
  });

  it("counts into the acknowledgement's time from its last byte on, and not at all unless there is one", async () => {
    const relay = new TestRelay();
    const log = watchLog();
    const send = async (slow: Slow) =>
      relay.webhook(slowly(relay, await relay.signed(makePayload("v1/cards")), way, slow));
    await send({ ms: 3_000 });
    expect(log.received()).toEqual([expect.objectContaining({ body_ms: 3_000, duration_ms: 0 })]);
    expect(await acknowledgements(relay)).toEqual({ count: 1, sum: 0, within10ms: 1 });
    await send({ ms: 9_000 });
    await send({ ms: 40, error: new Error("Network connection lost.") });
    expect(await acknowledgements(relay)).toEqual({ count: 1, sum: 0, within10ms: 1 });
    await relay.webhook({ method: "POST", body: "{}" });
    expect(await acknowledgements(relay)).toEqual({ count: 2, sum: 0, within10ms: 2 });
  });

  it("makes an event that is received, and leased, as of its last byte", async () => {
    const relay = new TestRelay();
    const start = relay.now;
    await relay.webhook(slowly(relay, await relay.signed(makePayload("v1/cards")), way, { ms: 3_000 }));
    const row = await env.DB.prepare("SELECT received_at, lease_until FROM events").first();
    expect(row).toEqual({ received_at: start + 3_000, lease_until: firstLease(start + 3_000) });
  });

  it.each([
    [297, 200],
    [298, 401],
  ])(
    "does not keep its signature young: begun %i s after that and 3 s long, it is answered %i",
    async (age, status) => {
      const relay = new TestRelay();
      const timestamp = Math.floor(relay.now / 1000) - age;
      const request = await businessRequest(makePayload("v1/cards"), { secret: BUSINESS_SECRET, timestamp });
      expect((await relay.webhook(slowly(relay, request, way, { ms: 3_000 }))).status).toBe(status);
    },
  );
});

describe("a streamed body", () => {
  it.each([1, 16_383, 16_384, 16_385, 40_000])("of %i bytes in small chunks arrives byte for byte", async (bytes) => {
    const relay = new TestRelay();
    const text = JSON.stringify({ ...makePayload("v1/cards"), padding: "é" })
      .padEnd(bytes, " ")
      .slice(0, bytes);
    const { headers, body } = await relay.signed(text);
    let sent = 0;
    const stream = new ReadableStream({
      pull(controller) {
        controller.enqueue(body.subarray(sent, (sent += 1_000)));
        if (sent >= body.length) controller.close();
      },
    });
    // A byte that is missing or in the wrong place would be a signature that does not match.
    expect((await relay.webhook({ method: "POST", headers, body: stream })).status).toBe(200);
  });

  it("is handed over in full pieces, however small its chunks", async () => {
    const relay = new TestRelay();
    const { headers, body } = await relay.signed(makePayload("v1/cards"));
    let sent = 0;
    const stream = new ReadableStream({
      pull(controller) {
        controller.enqueue(body.subarray(sent, (sent += 1)));
        if (sent >= body.length) controller.close();
      },
    });
    const reads = [
      vi.spyOn(ReadableStreamDefaultReader.prototype, "read"),
      vi.spyOn(ReadableStreamBYOBReader.prototype, "readAtLeast"),
    ];
    expect((await relay.webhook({ method: "POST", headers, body: stream })).status).toBe(200);
    expect(reads.reduce((sum, { mock }) => sum + mock.calls.length, 0)).toBe(1);
  });

  it("whose declared length is no number is read no further than the limit all the same", async () => {
    const relay = new TestRelay({ MAX_BODY_BYTES: "2000" });
    const { headers } = await relay.signed("{}");
    let pulled = 0;
    const stream = new ReadableStream({
      pull(controller) {
        pulled += 1;
        controller.enqueue(new Uint8Array(500));
        if (pulled === 100) controller.close();
      },
    });
    const request = { method: "POST", headers: { ...headers, "content-length": "many" }, body: stream };
    expect((await relay.webhook(request)).status).toBe(413);
    expect(pulled).toBeLessThan(20);
  });
});

it("a body is not read of a request with more than eight v1", async () => {
  const relay = new TestRelay();
  const pull = vi.fn();
  const headers = { "x-qonto-signature": `t=1704110400${`,v1=${"0".repeat(64)}`.repeat(9)}` };
  const stream = new ReadableStream({ pull }, { highWaterMark: 0 });
  const response = await relay.webhook({ method: "POST", headers, body: stream });
  expect([response.status, await response.json()]).toEqual([
    400,
    expect.objectContaining({ code: "signature_malformed" }),
  ]);
  expect(pull).not.toHaveBeenCalled();
});
