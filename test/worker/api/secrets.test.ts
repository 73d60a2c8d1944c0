import { env } from "cloudflare:workers";
import { Webhook } from "standardwebhooks";
import { beforeEach, describe, expect, it } from "vitest";
import { signBusiness } from "../../../src/qonto/signature.ts";
import { makePayload } from "../../support/qonto.ts";
import { ENCRYPTION_KEY, TestRelay, emptyDatabase } from "../support/relay.ts";
import type { ReceivedRequest } from "../support/destinations.ts";

beforeEach(emptyDatabase);

const url = "https://destination.example.com/hook";

const stored = async () => JSON.stringify((await env.DB.prepare("SELECT * FROM destinations").all()).results);

/** The secrets that signed a delivery, in the order of its signatures. */
async function signersOf({ headers, body }: ReceivedRequest, secrets: Record<string, string>): Promise<string[]> {
  const signatures = String(headers.get("webhook-signature")).split(" ");
  return signatures.map((signature) => {
    const isBy = (secret: string) => {
      const signed = new Webhook(secret).sign(
        String(headers.get("webhook-id")),
        new Date(Number(headers.get("webhook-timestamp")) * 1000),
        new TextDecoder().decode(body),
      );
      return signed === signature;
    };
    return Object.entries(secrets).find(([, secret]) => isBy(secret))?.[0] ?? "nobody";
  });
}

/** The secret of the signature in Qonto's own form. */
async function asQonto({ headers, body }: ReceivedRequest, secrets: Record<string, string>): Promise<string> {
  const timestamp = Number(headers.get("webhook-timestamp"));
  for (const [name, secret] of Object.entries(secrets)) {
    if (headers.get("x-qonto-signature") === (await signBusiness(body, timestamp, secret))) return name;
  }
  return "nobody";
}

async function signerAsQonto(relay: TestRelay, secrets: Record<string, string>): Promise<string> {
  return asQonto(await deliver(relay), secrets);
}

async function deliver(relay: TestRelay): Promise<ReceivedRequest> {
  await relay.send(makePayload("v1/cards"));
  await relay.runQueues();
  const request = relay.destinations.at(url).at(-1);
  if (request === undefined) throw new Error("Nothing was delivered");
  return request;
}

async function rotate(relay: TestRelay, id: string, body?: object): Promise<string> {
  const answer = await relay.api("POST", `/api/destinations/${id}/rotate-secret`, body);
  expect(answer.status).toBe(200);
  return answer.body.secret;
}

describe("a destination's secret", () => {
  it.each([ENCRYPTION_KEY, ""])("cannot be read in the database (ENCRYPTION_KEYS=%s)", async (key) => {
    const relay = new TestRelay({ ENCRYPTION_KEYS: key });
    const { id, secret } = await relay.addDestination(url);
    const rotated = await rotate(relay, id);
    expect(await signersOf(await deliver(relay), { old: secret, new: rotated })).toEqual(["new", "old"]);
    const rows = await stored();
    expect(rows).toContain(id);
    for (const one of [secret, rotated]) {
      expect(rows).not.toContain(one);
      expect(rows).not.toContain(one.slice("whsec_".length, -1));
    }
  });

  it("that an earlier version stored unencrypted still signs, and is encrypted by the cron", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(url);
    const plain = `whsec_${btoa("x".repeat(32))}`;
    await env.DB.prepare("UPDATE destinations SET secret = ?1").bind(plain).run();
    expect(await signersOf(await deliver(relay), { plain })).toEqual(["plain"]);
    await relay.runCron();
    expect(await stored()).not.toContain(plain);
    expect(await stored()).toContain(id);
    expect(await signersOf(await deliver(relay), { plain })).toEqual(["plain"]);
  });
});

describe("a rotated secret", () => {
  it("signs beside the previous one until the overlap ends, by default a day", async () => {
    const relay = new TestRelay();
    const { id, secret } = await relay.addDestination(url);
    const rotated = await rotate(relay, id);
    expect(rotated).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const secrets = { old: secret, new: rotated };
    expect(await signersOf(await deliver(relay), secrets)).toEqual(["new", "old"]);
    relay.passSeconds(86_399);
    expect(await signersOf(await deliver(relay), secrets)).toEqual(["new", "old"]);
    relay.passSeconds(1);
    expect(await signersOf(await deliver(relay), secrets)).toEqual(["new"]);
  });

  it("leaves Qonto's form, which has room for one signature, to the oldest secret until its overlap ends", async () => {
    const relay = new TestRelay();
    const { id, secret } = await relay.addDestination(url);
    const second = await rotate(relay, id, { overlap_seconds: 60 });
    relay.passSeconds(10);
    const third = await rotate(relay, id, { overlap_seconds: 60 });
    expect(await signerAsQonto(relay, { secret, second, third })).toBe("secret");
    relay.passSeconds(50);
    expect(await signerAsQonto(relay, { secret, second, third })).toBe("second");
    relay.passSeconds(10);
    expect(await signerAsQonto(relay, { secret, second, third })).toBe("third");
  });

  it("signs alone in Qonto's form at once without an overlap", async () => {
    const relay = new TestRelay();
    const { id, secret } = await relay.addDestination(url);
    const rotated = await rotate(relay, id, { overlap_seconds: 0 });
    expect(await signerAsQonto(relay, { secret, rotated })).toBe("rotated");
  });

  it("signs test deliveries as well", async () => {
    const relay = new TestRelay();
    const { id, secret } = await relay.addDestination(url);
    const rotated = await rotate(relay, id);
    await relay.api("POST", `/api/destinations/${id}/test`);
    const [request] = relay.destinations.at(url);
    expect(request && (await asQonto(request, { secret, rotated }))).toBe("secret");
    expect(request && (await signersOf(request, { secret, rotated }))).toEqual(["rotated", "secret"]);
  });

  it.each([
    [{ overlap_seconds: 0 }, 0, ["new"]],
    [{ overlap_seconds: 60 }, 59, ["new", "old"]],
    [{ overlap_seconds: 60 }, 60, ["new"]],
    [{ overlap_seconds: 2_592_000 }, 2_591_999, ["new", "old"]],
  ])("%o: after %i s %o", async (body, seconds, signers) => {
    const relay = new TestRelay();
    const { id, secret } = await relay.addDestination(url);
    const rotated = await rotate(relay, id, body);
    relay.passSeconds(seconds);
    expect(await signersOf(await deliver(relay), { old: secret, new: rotated })).toEqual(signers);
  });

  it("that is rotated again after a lost answer leaves the destination its present secret", async () => {
    const relay = new TestRelay();
    const { id, secret } = await relay.addDestination(url);
    const lost = await rotate(relay, id);
    const rotated = await rotate(relay, id, { overlap_seconds: 60 });
    const signers = await signersOf(await deliver(relay), { old: secret, lost, new: rotated });
    expect(signers[0]).toBe("new");
    expect(signers.toSorted()).toEqual(["lost", "new", "old"]);
  });

  it("signs alone at once without an overlap, whatever was rotated before", async () => {
    const relay = new TestRelay();
    const { id, secret } = await relay.addDestination(url);
    const before = await rotate(relay, id);
    const rotated = await rotate(relay, id, { overlap_seconds: 0 });
    expect(await signersOf(await deliver(relay), { old: secret, before, new: rotated })).toEqual(["new"]);
  });

  it("may have four previous ones that still sign, the newest first; a fifth rotation is refused, and ends none of them", async () => {
    const relay = new TestRelay();
    const { id, secret } = await relay.addDestination(url);
    const secrets: Record<string, string> = { 0: secret };
    for (let round = 1; round <= 4; round += 1) {
      relay.passSeconds(1);
      secrets[round] = await rotate(relay, id);
    }
    const refused = await relay.api("POST", `/api/destinations/${id}/rotate-secret`);
    expect(refused).toMatchObject({ status: 409, body: { code: "too_many_rotations" } });
    // A day after the first of them.
    expect(refused.body.detail).toContain("2026-03-02T12:00:01.000Z");
    expect((await relay.api("GET", "/api/audit")).body.data).toHaveLength(5);
    expect(await signersOf(await deliver(relay), secrets)).toEqual(["4", "3", "2", "1", "0"]);
    relay.passTo(Date.parse("2026-03-02T12:00:01.000Z"));
    secrets[5] = await rotate(relay, id);
    expect(await signersOf(await deliver(relay), secrets)).toEqual(["5", "4", "3", "2", "1"]);
  });

  it("does not exceed the limit when two are requested at once", async () => {
    const relay = new TestRelay();
    const { id, secret } = await relay.addDestination(url);
    for (let round = 1; round <= 3; round += 1) await rotate(relay, id);
    const path = `/api/destinations/${id}/rotate-secret`;
    const answers = await Promise.all([relay.api("POST", path), relay.api("POST", path)]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409]);
    expect(await signersOf(await deliver(relay), { secret })).toEqual([
      "nobody",
      "nobody",
      "nobody",
      "nobody",
      "secret",
    ]);
  });

  it("is possible without an overlap however many still sign, and ends them all", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(url);
    for (let round = 1; round <= 4; round += 1) await rotate(relay, id);
    const rotated = await rotate(relay, id, { overlap_seconds: 0 });
    expect(await signersOf(await deliver(relay), { rotated })).toEqual(["rotated"]);
    await rotate(relay, id);
  });

  it("is shown once, and dated", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(url);
    relay.passSeconds(5);
    const rotated = await rotate(relay, id);
    const { body } = await relay.api("GET", `/api/destinations/${id}`);
    expect(JSON.stringify(body)).not.toContain(rotated);
    expect(body.updated_at).toBe(new Date(relay.now).toISOString());
  });

  it.each([{ overlap_seconds: -1 }, { overlap_seconds: 2_592_001 }, { overlap_seconds: 1.5 }, { overlap: 1 }])(
    "is not asked for by %o",
    async (body) => {
      const relay = new TestRelay();
      const { id, secret } = await relay.addDestination(url);
      expect((await relay.api("POST", `/api/destinations/${id}/rotate-secret`, body)).status).toBe(400);
      expect(await signersOf(await deliver(relay), { old: secret })).toEqual(["old"]);
    },
  );

  it("of an unknown destination is 404", async () => {
    expect((await new TestRelay().api("POST", "/api/destinations/dst_none/rotate-secret")).status).toBe(404);
  });
});

describe("the encryption key", () => {
  it("is rotated: put the new one first, and remove the old one after the next cron run", async () => {
    const relay = new TestRelay({ ENCRYPTION_KEYS: "old" });
    const { id, secret } = await relay.addDestination(url);
    const rotated = await rotate(relay, id);
    relay.env = { ...relay.env, ENCRYPTION_KEYS: "new,old" };
    expect(await signersOf(await deliver(relay), { old: secret, new: rotated })).toEqual(["new", "old"]);
    await relay.runCron();
    relay.env = { ...relay.env, ENCRYPTION_KEYS: "new" };
    expect(await signersOf(await deliver(relay), { old: secret, new: rotated })).toEqual(["new", "old"]);
  });

  it("is new: the cron keeps a previous secret that it cannot decrypt", async () => {
    const relay = new TestRelay({ ENCRYPTION_KEYS: "new,old" });
    const { id, secret } = await relay.addDestination(url);
    relay.env = { ...relay.env, ENCRYPTION_KEYS: "old" };
    const rotated = await rotate(relay, id);
    await relay.runCron();
    relay.env = { ...relay.env, ENCRYPTION_KEYS: "new,old" };
    expect(await signersOf(await deliver(relay), { old: secret, new: rotated })).toEqual(["new", "old"]);
  });

  it("may be set after destinations were created under the admin token, which may change then", async () => {
    const relay = new TestRelay({ ENCRYPTION_KEYS: "" });
    const { secret } = await relay.addDestination(url);
    relay.env = { ...relay.env, ENCRYPTION_KEYS: "first" };
    await relay.runCron();
    relay.env = { ...relay.env, ADMIN_TOKEN: "another" };
    expect(await signersOf(await deliver(relay), { secret })).toEqual(["secret"]);
  });

  it("is not a short admin token: that decrypts what it once encrypted, and encrypts nothing", async () => {
    const short = { ENCRYPTION_KEYS: "", ADMIN_TOKEN: "short" };
    const relay = new TestRelay({ ...short, ALLOW_PRIVATE_DESTINATIONS: "true" });
    const creation = { method: "POST", headers: { authorization: "Bearer short", "content-type": "application/json" } };
    const created = await relay.fetch("/api/destinations", { ...creation, body: JSON.stringify({ url }) });
    const { secret } = await created.json<{ secret: string }>();
    relay.env = new TestRelay({ ...short, EVENTS: relay.events.binding, RETRIES: relay.retries.binding }).env;
    expect(await signersOf(await deliver(relay), { secret })).toEqual(["secret"]);
    await env.DB.prepare("UPDATE destinations SET secret = 'written down before secrets were encrypted'").run();
    await relay.runCron();
    expect(await env.DB.prepare("SELECT secret FROM destinations").first("secret")).toMatch(/^written down/);
  });

  it("that is missing stops no other destination, is shown by the attempt and /health, and all is delivered when it is back", async () => {
    const relay = new TestRelay({ ENCRYPTION_KEYS: "lost" });
    const { id, secret } = await relay.addDestination(url);
    relay.env = { ...relay.env, ENCRYPTION_KEYS: "other" };
    await relay.addDestination("https://other.example.com/");
    const payload = makePayload("v1/cards");
    await relay.send(payload);
    await relay.runQueues();
    await relay.runCron();
    expect(relay.destinations.at(url)).toEqual([]);
    expect(relay.destinations.at("https://other.example.com/")).toHaveLength(1);
    const { body } = await relay.api("GET", `/api/events/${payload.id}`);
    const delivery = body.deliveries.find((one: any) => one.destination_id === id);
    expect(delivery).toMatchObject({
      status: "pending",
      attempts: [
        { outcome: "refused", status: null, response_excerpt: expect.stringContaining("ENCRYPTION_KEYS") },
        ...delivery.attempts.slice(1),
      ],
    });
    const health = await (await relay.fetch("/health")).json<any>();
    expect(health).toMatchObject({ status: "degraded", checks: { secrets: { status: "degraded", value: 1 } } });

    relay.env = { ...relay.env, ENCRYPTION_KEYS: "other,lost" };
    await relay.liveThrough(10);
    await relay.runCron();
    expect(relay.destinations.at(url)).toHaveLength(1);
    const [request] = relay.destinations.at(url);
    expect(request && (await signersOf(request, { secret }))).toEqual(["secret"]);
    expect((await relay.fetch("/health")).status).toBe(200);
  });

  it("is not needed for a secret whose overlap is over: the cron deletes that", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(url);
    await rotate(relay, id, { overlap_seconds: 60 });
    relay.passSeconds(60);
    await relay.runCron();
    expect(await env.DB.prepare("SELECT previous_secrets FROM destinations").first("previous_secrets")).toBe("[]");
  });
});

describe("a secret that cannot be decoded", () => {
  it.each([
    ["is no base64", `v1.00000000.!!!.###`],
    ["is none of the relay's", "gibberish"],
    ["has no base64 behind its prefix", "whsec_%%%"],
    ["has nothing behind its prefix", "whsec_"],
  ])("because it %s stops only its own destination, and is shown by the attempt and /health", async (_, stored) => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(url);
    const other = await relay.addDestination("https://other.example.com/");
    await damage(id, stored.replace("00000000", await keyIdOf(other.id)));
    const payload = makePayload("v1/cards");
    await relay.send(payload);
    await relay.runQueues();
    expect(relay.events.waiting).toEqual([]);
    expect(relay.destinations.at(url)).toEqual([]);
    expect(relay.destinations.at("https://other.example.com/")).toHaveLength(1);
    const { body } = await relay.api("GET", `/api/events/${payload.id}`);
    const delivery = body.deliveries.find((one: any) => one.destination_id === id);
    expect(delivery).toMatchObject({ status: "pending", attempts: [{ outcome: "refused", status: null }] });
    expect(delivery.attempts[0].response_excerpt).toContain("ENCRYPTION_KEYS");
    const tested = await relay.api("POST", `/api/destinations/${id}/test`);
    expect(tested).toMatchObject({ status: 200, body: { outcome: "refused" } });
    await relay.runCron();
    const health = await (await relay.fetch("/health")).json<any>();
    expect(health).toMatchObject({ checks: { secrets: { status: "degraded", value: 1 } } });
    expect(await storedSecretOf(id)).toBe(stored.replace("00000000", await keyIdOf(other.id)));
  });

  it("is left out, and holds up nothing, when it is a previous one", async () => {
    const relay = new TestRelay();
    const { id } = await relay.addDestination(url);
    const rotated = await rotate(relay, id);
    await env.DB.prepare(
      "UPDATE destinations SET previous_secrets = json_set(previous_secrets, '$[0].secret', 'gibberish')",
    ).run();
    await relay.runCron();
    expect(await signersOf(await deliver(relay), { rotated })).toEqual(["rotated"]);
    expect((await relay.fetch("/health")).status).toBe(200);
  });
});

async function damage(id: string, secret: string): Promise<void> {
  await env.DB.prepare("UPDATE destinations SET secret = ?2 WHERE id = ?1").bind(id, secret).run();
}

function storedSecretOf(id: string): Promise<string | null> {
  return env.DB.prepare("SELECT secret FROM destinations WHERE id = ?1").bind(id).first("secret");
}

/** Of the key under which a destination's secret is encrypted. */
async function keyIdOf(id: string): Promise<string> {
  return (await storedSecretOf(id))?.split(".")[1] ?? "";
}
