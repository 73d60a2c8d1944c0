import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ADMIN_TOKEN } from "../support/admin-token.ts";
import { failing, interceptDatabase } from "./support/database.ts";
import { businessRequest, makePayload, onboardingRequest } from "../support/qonto.ts";
import { BUSINESS_SECRET, ENCRYPTION_KEY, TestRelay, emptyDatabase } from "./support/relay.ts";
import { type Answer, hang, statuses, unreachable } from "./support/destinations.ts";

const methods = ["log", "info", "debug", "warn", "error"] as const;
const lines: string[] = [];

beforeEach(async () => {
  await emptyDatabase();
  for (const method of methods) {
    vi.spyOn(console, method).mockImplementation((...values: unknown[]) => {
      lines.push(values.map((value) => JSON.stringify(value)).join(" "));
    });
  }
});

afterEach(() => {
  vi.restoreAllMocks();
  lines.length = 0;
});

/** In every text that is somebody's own. */
const CANARY = "yellow-bird";
const IBAN = "FR7630001007941234567890185";

/** What Qonto would send of somebody's money. */
const confidential = (id: string) => ({
  id,
  data: { label: `${CANARY}-label`, iban: IBAN, counterparty: { iban: IBAN, note: `${CANARY}-note` } },
});

const answers: readonly [string, Answer][] = [
  [`https://well.example.com/?key=${CANARY}-url`, () => new Response(`${CANARY}-answer`)],
  ["https://failing.example.com/", statuses(500, 429, 500)],
  ["https://gone.example.com/", statuses(410)],
  ["https://silent.example.com/", unreachable],
  ["https://slow.example.com/", hang],
];

/** Goes through everything that the relay does, well and ill. Returns all secrets and signatures that there were. */
async function liveThroughEverything(): Promise<string[]> {
  const relay = new TestRelay();
  const hidden = [BUSINESS_SECRET, "secret_key", ADMIN_TOKEN, ENCRYPTION_KEY, CANARY, IBAN];
  const now = () => Math.floor(relay.now / 1000);
  const sendSigned = async (payload: object | string | Uint8Array<ArrayBuffer>, secret: string, ageSeconds = 0) => {
    const request = await businessRequest(payload, { secret, timestamp: now() - ageSeconds });
    hidden.push(...Object.values(request.headers).flatMap((header) => /v1=(\w+)/.exec(header)?.[1] ?? []));
    return relay.webhook(request);
  };

  for (const [url, answer] of answers) relay.destinations.answer(url, answer);
  const schedule = { retry_schedule_seconds: [1, 1], timeout_ms: 100 };
  const destinations = [];
  for (const [url] of answers) {
    destinations.push(await relay.addDestination(url, { ...schedule, description: `${CANARY}-description` }));
  }
  hidden.push(...destinations.map(({ secret }) => secret.slice("whsec_".length)));

  // What Qonto sends, and what others try.
  const card = makePayload("v1/cards", confidential("card-1"));
  await sendSigned(card, BUSINESS_SECRET);
  await sendSigned(card, BUSINESS_SECRET);
  await sendSigned({ ...card, data: { other: CANARY } }, BUSINESS_SECRET);
  await sendSigned(makePayload("v1/transactions", confidential("stale")), BUSINESS_SECRET, 301);
  await sendSigned(makePayload("v1/transactions", confidential("future")), BUSINESS_SECRET, -301);
  await sendSigned(card, `${CANARY}-guess`);
  await sendSigned(`{"${CANARY}": not JSON ${IBAN}`, BUSINESS_SECRET);
  await sendSigned(Uint8Array.from([0xff, ...new TextEncoder().encode(CANARY)]), BUSINESS_SECRET);
  await relay.webhook({ method: "POST", headers: { "x-qonto-signature": `t=${CANARY},v1=${CANARY}` }, body: CANARY });
  await relay.webhook({ method: "POST", body: CANARY });
  const onboarding = await onboardingRequest(makePayload("registrations.pending"), { secret: "secret_key" });
  hidden.push(onboarding.headers["qonto-sha256-signature"] ?? "");
  await relay.webhook(onboarding);
  await relay.liveThrough(20);

  // What operators do, and what they get wrong.
  const [well] = destinations;
  const rotated = await relay.api("POST", `/api/destinations/${well?.id}/rotate-secret`, {});
  hidden.push(rotated.body.secret.slice("whsec_".length));
  const token = await relay.api("POST", "/api/tokens", { name: "reader", access: "read" });
  hidden.push(token.body.token);
  await relay.api("POST", `/api/destinations/${well?.id}/test`);
  await relay.api("PATCH", `/api/destinations/${well?.id}`, { description: `${CANARY}-changed` });
  await relay.api("PATCH", `/api/destinations/${well?.id}`, `{"${CANARY}`);
  await relay.api("GET", `/api/events?type=${CANARY}&cursor=${CANARY}`);
  await relay.api("POST", `/api/destinations/${well?.id}/replay`, { since: "2026-01-01T00:00:00Z", which: "all" });
  await relay.api("POST", "/api/events/card-1/replay", {});
  const { body: quarantine } = await relay.api("GET", "/api/quarantine");
  for (const { id } of quarantine.data) await relay.api("POST", `/api/quarantine/${id}/release`);
  await relay.fetch("/api/events", { headers: { authorization: `Bearer ${CANARY}-token` } });
  await relay.liveThrough(20);
  await relay.runCron();

  // What fails.
  const { env } = relay;
  relay.env = { ...env, DB: interceptDatabase(env.DB, failing) };
  await sendSigned(makePayload("v1/cards", confidential("card-2")), BUSINESS_SECRET);
  await relay.api("GET", "/api/events");
  await relay.runQueues();
  await relay.runCron().catch(() => undefined);
  relay.env = { ...env, EVENTS: { ...env.EVENTS, send: () => Promise.reject(new Error("Queue is overloaded")) } };
  await sendSigned(makePayload("v1/cards", confidential("card-3")), BUSINESS_SECRET);
  relay.env = env;
  relay.events.hold({ id: "odd", body: { kind: CANARY } as never, dueAt: relay.now, tries: 0 });
  relay.deadLetters.hold({ id: "dead", body: { kind: CANARY, body: IBAN } as never, dueAt: relay.now, tries: 0 });
  await relay.runEventsBatch();
  await relay.runBatch(relay.deadLetters, "qonto-relay-dead-letters", 10);
  await relay.liveThrough(5);

  hidden.push(
    ...relay.destinations.received.flatMap(({ headers }) => [
      ...(headers.get("webhook-signature") ?? "").split(" ").map((signature) => signature.slice("v1,".length)),
      /v1=(\w+)/.exec(headers.get("x-qonto-signature") ?? "")?.[1] ?? "",
    ]),
  );
  return [...new Set(hidden)];
}

it("no secret, signature, IBAN or body is ever logged, whatever happens", async () => {
  const hidden = await liveThroughEverything();
  expect(hidden.length).toBeGreaterThan(30);
  expect(hidden.filter((text) => text.length < 5)).toEqual([]);
  const units = new Set(lines.flatMap((line) => /"unit":"([\w-]+)"/.exec(line)?.[1] ?? []));
  // It has been where it was to go.
  expect([...units]).toEqual(expect.arrayContaining(["receive", "fan_out", "deliver", "dead_letters", "api", "cron"]));
  for (const text of hidden) expect(lines.filter((line) => line.includes(text))).toEqual([]);
});
