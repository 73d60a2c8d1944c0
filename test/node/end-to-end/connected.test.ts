import { appendFileSync, writeFileSync } from "node:fs";
import { expect, onTestFinished, it, vi } from "vitest";
import { connections } from "../../../src/api/schemas/connection.ts";
import { organizationProfile } from "../../../src/api/schemas/organization.ts";
import { PlayedRelay } from "../../demo/client.ts";
import { applicationVariables, connectAsOperator, startQonto } from "../../demo/connect.ts";
import { freePort } from "../../demo/free-port.ts";
import { textOf } from "../../demo/operator-browser.ts";
import { listedTypes, makeableTypes } from "../../support/qonto-server/bank.ts";
import type { QontoServer } from "../../support/qonto-server/node/qonto-server.ts";
import { LocalRelay } from "./local-relay.ts";

const ADMIN_TOKEN = "local-admin-token";

/** Two pages of Qonto's list. */
const TRANSACTIONS = 150;

/** Read last. */
const TRANSACTIONS_PATH = "/v2/transactions";
const firstPage = /^GET \/v2\/transactions\b.*&page=1$/;
const secondPage = /^GET \/v2\/transactions\b.*&page=2$/;

/** `npm start` in a fresh copy, as an application of a simulated Qonto. */
async function makeBoth(): Promise<{ readonly qonto: QontoServer; readonly relay: LocalRelay }> {
  const relay = new LocalRelay(await freePort());
  onTestFinished(() => relay.remove());
  const qonto = await startQonto(relay.url);
  onTestFinished(() => qonto.stop());
  const variables = { ADMIN_TOKEN, ALLOW_PRIVATE_DESTINATIONS: "true", ...applicationVariables(qonto) };
  const lines = Object.entries(variables).map((pair) => pair.join("="));
  writeFileSync(relay.path(".dev.vars"), lines.join("\n"));
  return { qonto, relay };
}

it("connects in the console, and fills the state across kill -9 in the middle, without reading a page twice", async () => {
  const { qonto, relay } = await makeBoth();
  const { bank } = qonto;
  for (const type of makeableTypes) bank.make(type);
  for (let count = 1; count < TRANSACTIONS; count += 1) bank.make("v1/transactions");
  await relay.start();
  const { organizationId } = bank;
  const page = await connectAsOperator({ relayUrl: relay.url, adminToken: ADMIN_TOKEN, organizationId });
  expect(textOf(page.html)).toContain("The organization is connected.");

  // The cron runs at once after an edit of the source, as after a start.
  qonto.afterPage(TRANSACTIONS_PATH, 1, () => qonto.faults.paths.set(TRANSACTIONS_PATH, { answer: "hangs" }));
  appendFileSync(relay.path("src/console/assets/style.css"), "/* edited */");
  await vi.waitFor(() => expect(qonto.calls.at(-1)).toMatch(secondPage), { timeout: 30_000 });
  relay.killAll();
  expect(await relay.gone(5_000)).toBe(true);
  const callsBefore = qonto.calls.splice(0);

  qonto.faults.paths.clear();
  await relay.start();
  const client = new PlayedRelay(relay.url, ADMIN_TOKEN);
  const { data } = await client.get("/api/connections", connections);
  expect(data).toMatchObject([{ status: "connected", last_error: null, reconciled_until: expect.any(String) }]);
  const { counts } = await client.get(`/api/organizations/${organizationId}`, organizationProfile);
  expect(counts).toEqual(Object.fromEntries(listedTypes.map((type) => [type, bank.all(type).length])));
  // The page that hung, and the only one of the other account.
  expect(qonto.calls).toEqual([callsBefore.at(-1), expect.stringMatching(firstPage)]);
  expect(qonto.subscriptions.size).toBe(1);
});
