import path from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { sampleTypes, sourceOfType } from "../../src/qonto/sample-event.ts";
import { PlayedRelay, untilSettled } from "../demo/client.ts";
import { DestinationServer } from "../demo/destination-server.ts";
import { serveRelay, variables } from "../node/support/served-relay.ts";
import { businessRequest, makePayload, onboardingRequest } from "../support/qonto.ts";
import { startBrowser } from "./browser.ts";
import { insertBeneath, runBeneath } from "./local-database.ts";

/** `node test/browser/screenshot.ts` takes the README's picture: the overview of a relay that has been busy for a day. */

const picture = fileURLToPath(new URL("../../src/console/README-console.png", import.meta.url));

const HOUR_MS = 3_600_000;
const EVENTS = 120;

const relay = await serveRelay();
const browser = await startBrowser();
const servers: DestinationServer[] = [];
try {
  const client = new PlayedRelay(relay.url, variables.ADMIN_TOKEN);
  await addDestination("Accounting", () => 200);
  await addDestination("Treasury", (before) => (before % 20 === 7 ? 503 : 200));
  await addDestination("Fraud desk", () => 500, { types: ["v1/cards", "v1/transfers"] });
  await addDestination("Warehouse", () => 200, { enabled: false });
  for (let index = 0; index < EVENTS; index += 1) await send(index);
  await untilSettled(client, 5_000);
  spreadOverTheDay();

  const page = await browser.newPage({
    baseURL: relay.url,
    viewport: { width: 1400, height: 960 },
    colorScheme: "light",
    timezoneId: "Europe/Paris",
  });
  await page.goto("/console");
  await page.getByLabel("Token").fill(variables.ADMIN_TOKEN);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
  await page.screenshot({ path: picture });
  console.log(`Wrote ${path.relative(process.cwd(), picture)}.`);

  async function addDestination(description: string, answer: (before: number) => number, settings: object = {}) {
    const server = await DestinationServer.start(answer);
    servers.push(server);
    const destination = { url: server.url, description, retry_schedule_seconds: [1, 600], ...settings };
    await client.post("/api/destinations", destination, z.unknown());
  }

  async function send(index: number): Promise<void> {
    const type = index % 3 === 0 ? "v1/transactions" : (sampleTypes[index % sampleTypes.length] ?? "v1/transactions");
    const payload = makePayload(type);
    const { QONTO_WEBHOOK_SECRETS, QONTO_ONBOARDING_SECRETS } = variables;
    await client.webhook(
      sourceOfType(type) === "business"
        ? await businessRequest(payload, { secret: QONTO_WEBHOOK_SECRETS, timestamp: Math.floor(Date.now() / 1000) })
        : await onboardingRequest(payload, { secret: QONTO_ONBOARDING_SECRETS }),
    );
  }
} finally {
  for (const server of servers) server.stop();
  await browser.close();
  await relay.stop();
}

/** The events over the last hour, and counts for the hours before. */
function spreadOverTheDay(): void {
  const now = Date.now();
  runBeneath(
    relay.stateDirectory,
    `UPDATE events SET received_at = ${now} - (${EVENTS} - seq) * 28000 - abs(random() % 9000)`,
    "UPDATE deliveries SET received_at = (SELECT received_at FROM events WHERE id = event_id)",
  );
  const hourNow = Math.floor(now / HOUR_MS);
  const hours = Array.from({ length: 23 }, (_, before) => {
    const accepted = Math.round(90 + 70 * Math.sin((before + 3) / 4) + (before % 5) * 9);
    const counts = {
      'qonto_relay_events_total{source="business",type="v1/transactions",outcome="accepted"}': accepted,
      'qonto_relay_events_total{source="business",type="v1/transactions",outcome="duplicate"}': before % 4,
    };
    return { hour: hourNow - before - 1, counts: JSON.stringify(counts) };
  });
  insertBeneath(relay.stateDirectory, "counters", hours);
}
