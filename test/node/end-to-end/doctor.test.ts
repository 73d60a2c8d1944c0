import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { qonto } from "../cli/qonto-program.ts";
import { PlayedRelay } from "../../demo/client.ts";
import { freePort } from "../../demo/free-port.ts";
import { DestinationServer } from "../../demo/destination-server.ts";
import { businessRequest, makePayload } from "../../support/qonto.ts";
import { QontoServer } from "../../support/qonto-server/node/qonto-server.ts";
import { LocalRelay } from "./local-relay.ts";

/** The doctor against the relay as `npm start` serves it, and a simulated Qonto. */

let relay: LocalRelay;
let bank: QontoServer;
let environment: Record<string, string>;

beforeAll(async () => {
  relay = new LocalRelay(await freePort());
  await relay.start();
  bank = await QontoServer.start({ allowHttp: true });
  environment = {
    ADMIN_TOKEN: "local-admin-token",
    QONTO_WEBHOOK_SECRETS: "local-business-secret",
    QONTO_ONBOARDING_SECRETS: "local-onboarding-secret",
  };
});

afterAll(async () => {
  await bank?.stop();
  await relay?.end();
});

async function doctor(changes: Record<string, string> = {}) {
  const ended = await qonto(["doctor", "--url", relay.url, "--json"], { ...environment, ...changes });
  expect(ended.stderr).toBe("");
  const report: { findings: any[]; checks: any[] } = JSON.parse(ended.stdout);
  return { code: ended.code, ...report, faults: report.findings.map(({ fault }) => fault) };
}

const atQonto = () => ({ QONTO_API_URL: bank.url, QONTO_ACCESS_TOKEN: bank.accessToken });

async function subscribe(types: readonly string[]): Promise<void> {
  const response = await fetch(`${bank.url}/v2/webhook_subscriptions`, {
    method: "POST",
    headers: { authorization: `Bearer ${bank.accessToken}` },
    body: JSON.stringify({ callback_url: `${relay.url}/webhooks/qonto`, types }),
  });
  expect(response.status).toBe(201);
}

describe("the doctor of a relay on this machine", () => {
  it("finds no fault right after npm start, and again, for it leaves nothing behind", async () => {
    for (let round = 1; round <= 2; round += 1) {
      const { code, faults, checks } = await doctor();
      expect([faults, code]).toEqual([[], 0]);
      expect(checks.filter(({ outcome }) => outcome === "skipped").map(({ name }) => name)).toEqual([
        "certificate",
        "subscription",
        "types",
        "connection",
      ]);
    }
    const client = new PlayedRelay(relay.url, environment["ADMIN_TOKEN"] ?? "");
    const { received } = await client.get("/api/ledger", z.object({ received: z.number() }));
    expect(received).toBe(0);
  });

  it("names what is wrong: no subscription, another secret, a destination that is down, a stale event", async () => {
    const destination = await DestinationServer.start(() => 503);
    const client = new PlayedRelay(relay.url, "local-admin-token");
    const input = { url: destination.url, types: ["v1/transactions", "v1/cards"], retry_schedule_seconds: [3_600] };
    await client.post("/api/destinations", input, z.unknown());
    const sign = (secondsAgo: number) =>
      businessRequest(makePayload("v1/transactions"), {
        secret: "local-business-secret",
        timestamp: Math.floor(Date.now() / 1000) - secondsAgo,
      });
    await client.webhook(await sign(0));
    expect((await client.webhook(await sign(400))).httpStatus).toBe(401);
    await vi.waitFor(() => expect(destination.requests).toHaveLength(1), { timeout: 20_000 });
    const states = z.object({ data: z.array(z.object({ health: z.object({ state: z.string() }) })) });
    await vi.waitFor(
      async () => expect((await client.get("/api/destinations", states)).data[0]?.health.state).toBe("failing"),
      { timeout: 20_000 },
    );

    const first = await doctor({ ...atQonto(), QONTO_WEBHOOK_SECRETS: "a-secret-of-another-relay" });
    expect(first.code).toBe(1);
    expect(first.faults).toEqual([
      "subscription_missing",
      "secret_unknown",
      "quarantine_waiting",
      "destination_failing",
    ]);
    expect(first.findings.at(-1)).toMatchObject({ seen: expect.stringContaining("rejected, 503 “not now”") });

    await subscribe(["v1/transactions"]);
    const second = await doctor(atQonto());
    expect(second.faults).toEqual(["type_not_subscribed", "quarantine_waiting", "destination_failing"]);
    destination.stop();
  });
});
