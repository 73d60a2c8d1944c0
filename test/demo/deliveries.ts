import { z } from "zod";
import { sampleTypes, sourceOfType } from "../../src/qonto/sample-event.ts";
import { businessRequest, makePayload, onboardingRequest } from "../support/qonto.ts";
import { type PlayedRelay, untilSettled } from "./client.ts";
import { DestinationServer } from "./destination-server.ts";
import { check } from "./promises.ts";

interface DeliveryStory {
  readonly client: PlayedRelay;
  /** With which Qonto signs. */
  readonly secrets: Secrets;
}

interface Secrets {
  readonly business: string;
  readonly onboarding: string;
}

/** Requests that the flaky destination refuses before it recovers. */
const REFUSED_AT_FIRST = 40;

interface Sent {
  readonly id: string;
  readonly type: string;
  readonly body: Uint8Array;
}

/** The relay between Qonto, with its duplicates, late and forged events, and three destinations. */
export async function playDeliveries({ client, secrets }: DeliveryStory): Promise<void> {
  const healthy = await DestinationServer.start();
  const flaky = await DestinationServer.start((before) => (before < REFUSED_AT_FIRST ? 503 : 200));
  const choosy = await DestinationServer.start();
  try {
    const retry_schedule_seconds = [1, 1, 1, 2, 2, 3, 5];
    const ids = [
      await addDestination(client, { url: healthy.url, description: "healthy" }),
      await addDestination(client, { url: flaky.url, description: "flaky", retry_schedule_seconds }),
      await addDestination(client, { url: choosy.url, description: "choosy", types: ["v1/transactions"] }),
    ];

    console.log("Qonto sends one event of each type, then what Qonto also does.");
    const sent = await sendCatalogue(client, secrets);
    const late = await sendLateOlderEvent(client, sent, secrets);
    await sendDuplicates(client, sent, secrets);
    await sendWhatMustBeRefused(client, secrets);

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
    for (const id of ids) await client.delete(`/api/destinations/${id}`);
  } finally {
    for (const destination of [healthy, flaky, choosy]) destination.stop();
  }
}

async function addDestination(client: PlayedRelay, input: object): Promise<string> {
  const { id } = await client.post("/api/destinations", input, z.object({ id: z.string() }));
  return id;
}

function sign(payload: object, type: string, { business, onboarding }: Secrets, timestamp = now()) {
  return sourceOfType(type) === "business"
    ? businessRequest(payload, { secret: business, timestamp })
    : onboardingRequest(payload, { secret: onboarding });
}

async function sendCatalogue(client: PlayedRelay, secrets: Secrets): Promise<Sent[]> {
  const sent: Sent[] = [];
  let accepted = 0;
  for (const type of sampleTypes) {
    const payload = makePayload(type);
    const request = await sign(payload, type, secrets);
    const { body } = await client.webhook(request);
    if (body.status === "accepted") accepted += 1;
    sent.push({ id: payload.id, type, body: request.body });
  }
  check(`${sampleTypes.length} types are accepted`, accepted === sampleTypes.length);
  return sent;
}

/** The same transaction an hour earlier: its event arrives after the newer one. */
async function sendLateOlderEvent(client: PlayedRelay, sent: readonly Sent[], secrets: Secrets): Promise<Sent> {
  const newer = JSON.parse(Buffer.from(sent.find(({ type }) => type === "v1/transactions")?.body ?? []).toString());
  const older = makePayload("v1/transactions", {
    created_at: "2025-01-24T09:55:00Z",
    data: { ...newer.data, updated_at: "2025-01-24T09:55:00Z", status: "pending", label: "The past" },
  });
  const request = await sign(older, "v1/transactions", secrets);
  const { body } = await client.webhook(request);
  check("an older event that comes late is accepted", body.status === "accepted");
  return { id: older.id, type: "v1/transactions", body: request.body };
}

async function sendDuplicates(client: PlayedRelay, sent: readonly Sent[], secrets: Secrets): Promise<void> {
  let duplicates = 0;
  for (const { type, body } of sent.slice(0, 5)) {
    const answer = await client.webhook(await sign(JSON.parse(Buffer.from(body).toString()), type, secrets));
    if (answer.body.status === "duplicate") duplicates += 1;
  }
  check("5 events sent again are told to be duplicates", duplicates === 5);
}

async function sendWhatMustBeRefused(client: PlayedRelay, secrets: Secrets): Promise<void> {
  const payload = makePayload("v1/transfers");
  const forged = await client.webhook(await businessRequest(payload, { secret: "a stranger's", timestamp: now() }));
  check(
    "a forged event is refused: signature_mismatch",
    forged.httpStatus === 401 && forged.body.code === "signature_mismatch",
  );
  const stale = await client.webhook(await sign(payload, "v1/transfers", secrets, now() - 3_600));
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
