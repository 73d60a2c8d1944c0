import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { subscriptionSecrets } from "../../../src/qonto/subscription-secret.ts";
import { ADMIN_TOKEN } from "../../support/admin-token.ts";
import { businessRequest, makePayload, onboardingRequest } from "../../support/qonto.ts";
import { Meter, interceptDatabase } from "../support/database.ts";
import { BUSINESS_SECRET, ENCRYPTION_KEY, TestRelay, emptyDatabase } from "../support/relay.ts";

beforeEach(emptyDatabase);

const application = { QONTO_CLIENT_ID: "client", QONTO_CLIENT_SECRET: "client-secret" };

const NEW_KEY = "new-encryption-key-of-32-characters-or-more";

async function answerTo(relay: TestRelay, secret: string): Promise<unknown> {
  const timestamp = Math.floor(relay.now / 1000);
  const response = await relay.webhook(await businessRequest(makePayload("v1/cards"), { secret, timestamp }));
  const { status, code } = await response.json<{ status: unknown; code?: unknown }>();
  return code ?? status;
}

async function ownSecret(key: string): Promise<string> {
  const [secret = ""] = await subscriptionSecrets([key]);
  return secret;
}

describe("the secret of the relay's own subscriptions", () => {
  it("stays the same for its key, and is as long as Qonto asks for", async () => {
    expect(await subscriptionSecrets(["key", "other"])).toEqual([
      "whsec_t3J-bO5OHpgE6zg0nx5kT0hA3ggdS-JW3e3DQZQ_yC4",
      "whsec_xh5v6jRoa4qk-vEQ1lAtpr00Y-myoG0p2eTJbZMHtVY",
    ]);
    expect(await subscriptionSecrets([])).toEqual([]);
  });

  it("is accepted for each key, beside those that are set", async () => {
    const relay = new TestRelay({ ...application, ENCRYPTION_KEYS: `${NEW_KEY}, ${ENCRYPTION_KEY}` });
    for (const key of [NEW_KEY, ENCRYPTION_KEY, ADMIN_TOKEN]) {
      expect(await answerTo(relay, await ownSecret(key))).toBe("accepted");
    }
    expect(await answerTo(relay, BUSINESS_SECRET)).toBe("accepted");
    for (const secret of [await ownSecret("removed"), NEW_KEY, ADMIN_TOKEN])
      expect(await answerTo(relay, secret)).toBe("signature_mismatch");
  });

  it("is enough without any that is set", async () => {
    const relay = new TestRelay({ ...application, QONTO_WEBHOOK_SECRETS: "" });
    expect(await answerTo(relay, await ownSecret(ENCRYPTION_KEY))).toBe("accepted");
    expect(await answerTo(relay, BUSINESS_SECRET)).toBe("signature_mismatch");
  });

  it("is derived from ADMIN_TOKEN without ENCRYPTION_KEYS", async () => {
    const relay = new TestRelay({ ...application, ENCRYPTION_KEYS: "" });
    expect(await answerTo(relay, await ownSecret(ADMIN_TOKEN))).toBe("accepted");
  });

  it("is not derived from a key of fewer than 32 characters, also behind a longer one", async () => {
    const [short, long] = ["k".repeat(31), "k".repeat(32)];
    for (const keys of [short, `${long},${short}`]) {
      const relay = new TestRelay({ ...application, ENCRYPTION_KEYS: keys });
      expect(await answerTo(relay, await ownSecret(short))).toBe("signature_mismatch");
      expect(await answerTo(relay, await ownSecret(ADMIN_TOKEN))).toBe("accepted");
    }
    const relay = new TestRelay({ ...application, ENCRYPTION_KEYS: `${short},${long}` });
    expect(await answerTo(relay, await ownSecret(long))).toBe("accepted");
  });

  it.each([
    { QONTO_TYPES: "cards" },
    { QONTO_BACKFILL_DAYS: "many" },
    { QONTO_CLIENT_SECRET: "" },
    { QONTO_CLIENT_ID: "" },
  ])("is accepted while a variable of the connection cannot be read: %o", async (changes) => {
    const relay = new TestRelay({ ...application, QONTO_WEBHOOK_SECRETS: "", ...changes });
    expect(await answerTo(relay, await ownSecret(ENCRYPTION_KEY))).toBe("accepted");
  });

  it("is nothing to a relay that is no application of Qonto's", async () => {
    const secret = await ownSecret(ENCRYPTION_KEY);
    expect(await answerTo(new TestRelay(), secret)).toBe("signature_mismatch");
    expect(await answerTo(new TestRelay({ QONTO_WEBHOOK_SECRETS: "" }), secret)).toBe("not_configured");
  });

  it("is missing when there is no key", async () => {
    const keyless = { ...application, QONTO_WEBHOOK_SECRETS: "", ENCRYPTION_KEYS: "", ADMIN_TOKEN: "short" };
    expect(await answerTo(new TestRelay(keyless), "whsec_")).toBe("not_configured");
  });

  it("signs nothing of the Onboarding API", async () => {
    const relay = new TestRelay(application);
    const secret = await ownSecret(ENCRYPTION_KEY);
    const response = await relay.webhook(await onboardingRequest(makePayload("registrations.pending"), { secret }));
    expect(await response.json()).toMatchObject({ code: "signature_mismatch" });
  });

  it("costs an event no call of D1", async () => {
    const callsOf = async (changes: Partial<Bindings>, secret: string) => {
      const meter = new Meter();
      const relay = new TestRelay({ ...changes, DB: interceptDatabase(env.DB, meter.intercept) });
      expect(await answerTo(relay, secret)).toBe("accepted");
      return meter.calls;
    };
    const own = await callsOf({ ...application, QONTO_WEBHOOK_SECRETS: "" }, await ownSecret(ENCRYPTION_KEY));
    expect(own).toBe(await callsOf({}, BUSINESS_SECRET));
  });
});
