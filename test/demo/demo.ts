import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { z } from "zod";
import { ServeError, serve } from "../../src/local/serve.ts";
import { sampleTypes, sourceOfType } from "../../src/qonto/sample-event.ts";
import { businessRequest, makePayload, onboardingRequest } from "../support/qonto.ts";
import { PlayedRelay, untilSettled } from "./client.ts";
import { freePort } from "./free-port.ts";
import { DestinationServer } from "./destination-server.ts";

/**
 * `npm run demo`: the relay between Qonto, with its duplicates, late and forged events, and three destinations. Shows what went where; exits
 * 0 only if everything arrived as promised.
 */

const BUSINESS_SECRET = "demo-business-secret";
const ONBOARDING_SECRET = "demo-onboarding-secret";
const ADMIN_TOKEN = "demo-admin-token";

/** Requests that the flaky destination refuses before it recovers. */
const REFUSED_AT_FIRST = 40;

const faults: string[] = [];

function check(promise: string, kept: boolean): void {
  console.log(`  ${kept ? "✓" : "✗"} ${promise}`);
  if (!kept) faults.push(promise);
}

interface Sent {
  readonly id: string;
  readonly type: string;
  readonly body: Uint8Array;
}

async function play(url: string): Promise<void> {
  const client = new PlayedRelay(url, ADMIN_TOKEN);
  const healthy = await DestinationServer.start();
  const flaky = await DestinationServer.start((before) => (before < REFUSED_AT_FIRST ? 503 : 200));
  const choosy = await DestinationServer.start();
  try {
    const retry_schedule_seconds = [1, 1, 1, 2, 2, 3, 5];
    await client.post("/api/destinations", { url: healthy.url, description: "healthy" }, z.unknown());
    await client.post(
      "/api/destinations",
      { url: flaky.url, description: "flaky", retry_schedule_seconds },
      z.unknown(),
    );
    await client.post(
      "/api/destinations",
      { url: choosy.url, description: "choosy", types: ["v1/transactions"] },
      z.unknown(),
    );

    console.log("Qonto sends one event of each type, then what Qonto also does.");
    const sent = await sendCatalogue(client);
    const late = await sendLateOlderEvent(client, sent);
    await sendDuplicates(client, sent);
    await sendWhatMustBeRefused(client);

    console.log(`\nThe destinations receive; one of them refuses its first ${REFUSED_AT_FIRST} requests.`);
    const events = await untilSettled(client, 60_000);
    const expected = [...sent, late];
    check(
      `${expected.length} events are recorded, once each, and settled`,
      events.length === expected.length && events.every(({ state }) => state === "settled"),
    );
    report("healthy destination has every event, once, byte for byte", healthy, expected);
    report("flaky destination has every event in the end, once, byte for byte", flaky, expected);
    report(
      "choosy destination has the transactions alone",
      choosy,
      expected.filter(({ type }) => type === "v1/transactions"),
    );
    check("flaky destination was tried again", flaky.requests.length === REFUSED_AT_FIRST + expected.length);

    console.log("\nThe relay knows the latest state.");
    await checkState(client);
    showTable(expected, { healthy, flaky, choosy });
  } finally {
    for (const destination of [healthy, flaky, choosy]) destination.stop();
  }
}

function sign(payload: object, type: string, timestamp = now()) {
  return sourceOfType(type) === "business"
    ? businessRequest(payload, { secret: BUSINESS_SECRET, timestamp })
    : onboardingRequest(payload, { secret: ONBOARDING_SECRET });
}

async function sendCatalogue(client: PlayedRelay): Promise<Sent[]> {
  const sent: Sent[] = [];
  let accepted = 0;
  for (const type of sampleTypes) {
    const payload = makePayload(type);
    const request = await sign(payload, type);
    const { body } = await client.webhook(request);
    if (body.status === "accepted") accepted += 1;
    sent.push({ id: payload.id, type, body: request.body });
  }
  check(`${sampleTypes.length} types are accepted`, accepted === sampleTypes.length);
  return sent;
}

/** The same transaction an hour earlier: its event arrives after the newer one. */
async function sendLateOlderEvent(client: PlayedRelay, sent: readonly Sent[]): Promise<Sent> {
  const newer = JSON.parse(Buffer.from(sent.find(({ type }) => type === "v1/transactions")?.body ?? []).toString());
  const older = makePayload("v1/transactions", {
    created_at: "2025-01-24T09:55:00Z",
    data: { ...newer.data, updated_at: "2025-01-24T09:55:00Z", status: "pending", label: "The past" },
  });
  const request = await sign(older, "v1/transactions");
  const { body } = await client.webhook(request);
  check("an older event that comes late is accepted", body.status === "accepted");
  return { id: older.id, type: "v1/transactions", body: request.body };
}

async function sendDuplicates(client: PlayedRelay, sent: readonly Sent[]): Promise<void> {
  let duplicates = 0;
  for (const { type, body } of sent.slice(0, 5)) {
    const answer = await client.webhook(await sign(JSON.parse(Buffer.from(body).toString()), type));
    if (answer.body.status === "duplicate") duplicates += 1;
  }
  check("5 events sent again are told to be duplicates", duplicates === 5);
}

async function sendWhatMustBeRefused(client: PlayedRelay): Promise<void> {
  const payload = makePayload("v1/transfers");
  const forged = await client.webhook(await businessRequest(payload, { secret: "a stranger's", timestamp: now() }));
  check(
    "a forged event is refused: signature_mismatch",
    forged.httpStatus === 401 && forged.body.code === "signature_mismatch",
  );
  const stale = await client.webhook(await sign(payload, "v1/transfers", now() - 3_600));
  check(
    "a stale event is refused: timestamp_too_old",
    stale.httpStatus === 401 && stale.body.code === "timestamp_too_old",
  );
  const { data } = await client.get("/api/quarantine", z.object({ data: z.array(z.object({ event_id: z.string() })) }));
  check("and kept in quarantine", data.length === 1 && data[0]?.event_id === payload.id);
}

function report(promise: string, destination: DestinationServer, expected: readonly Sent[]): void {
  const accepted = destination.accepted();
  const right = expected.every(({ id, body }) => {
    const [request, ...more] = accepted.get(id) ?? [];
    return request !== undefined && more.length === 0 && request.body.equals(Buffer.from(body));
  });
  check(promise, right && accepted.size === expected.length);
}

async function checkState(client: PlayedRelay): Promise<void> {
  const { data } = await client.get("/api/organizations", z.object({ data: z.array(z.unknown()) }));
  check("2 organizations are known", data.length === 2);
  const organization = "/api/organizations/123e4567-e89b-12d3-a456-426614174000";
  const { profile } = await client.get(organization, z.object({ profile: z.object({ legal_name: z.string() }) }));
  check("one is Elektro Tesla GmbH", profile.legal_name === "Elektro Tesla GmbH");
  const labelled = z.object({ data: z.object({ label: z.string() }) });
  const transactions = await client.get(`${organization}/resources`, z.object({ data: z.array(labelled) }), {
    type: "v1/transactions",
  });
  check("the late older event did not spoil the transaction", transactions.data[0]?.data.label === "ACME Corp");
  const registration = await client.get(
    "/api/registrations/525817f7-93e8-4f31-a83d-20319778b4b0",
    z.object({ stage: z.string(), stages: z.array(z.unknown()) }),
  );
  check(
    "the registration is completed, after 9 stages",
    registration.stage === "completed" && registration.stages.length === 9,
  );
}

function showTable(expected: readonly Sent[], destinations: Record<string, DestinationServer>): void {
  console.log(
    `\n  ${"event".padEnd(50)}${Object.keys(destinations)
      .map((name) => name.padEnd(12))
      .join("")}`,
  );
  for (const { id, type } of expected) {
    const cells = Object.values(destinations).map(({ requests }) => {
      const made = requests.filter(({ headers }) => headers["webhook-id"] === id);
      if (made.length === 0) return "–".padEnd(12);
      return (made.length === 1 ? "delivered" : `attempt ${made.length}`).padEnd(12);
    });
    console.log(`  ${type.padEnd(50)}${cells.join("")}`);
  }
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}

async function demo(): Promise<void> {
  const directory = mkdtempSync(path.join(os.tmpdir(), "qonto-relay-demo-"));
  const variablesFile = path.join(directory, "variables");
  writeFileSync(
    variablesFile,
    [
      `QONTO_WEBHOOK_SECRETS=${BUSINESS_SECRET}`,
      `QONTO_ONBOARDING_SECRETS=${ONBOARDING_SECRET}`,
      `ADMIN_TOKEN=${ADMIN_TOKEN}`,
      "ALLOW_PRIVATE_DESTINATIONS=true",
    ].join("\n"),
  );
  const log: string[] = [];
  const print = (line: string) => void log.push(line);
  console.log("Starting the relay …\n");
  try {
    const server = await serve({ port: await freePort(), stateDirectory: directory, variablesFile, print });
    const stop = () => void server.stop();
    process.on("SIGINT", stop).on("SIGTERM", stop);
    try {
      await play(server.url);
    } finally {
      await server.stop();
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  if (faults.length > 0) console.error(`\nWhat the relay said meanwhile:\n${log.join("\n")}`);
  console.log(
    faults.length === 0 ? "\nEverything arrived as promised." : `\nNot as promised:\n- ${faults.join("\n- ")}`,
  );
  process.exitCode = faults.length === 0 ? 0 : 1;
}

try {
  await demo();
} catch (error) {
  console.error(error instanceof ServeError ? error.message : error);
  process.exitCode = 1;
}
