import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { ServeError, serve } from "../../src/local/serve.ts";
import { PlayedRelay } from "./client.ts";
import { applicationVariables, startQonto } from "./connect.ts";
import { playConnection } from "./connection.ts";
import { playDeliveries } from "./deliveries.ts";
import { freePort } from "./free-port.ts";
import { broken } from "./promises.ts";

/**
 * `npm run demo`: a relay between Qonto and destinations that fail, and then one that is connected to Qonto and loses its
 * subscription. Shows what went where; exits 0 only if everything arrived as promised.
 */

const secrets = { business: "demo-business-secret", onboarding: "demo-onboarding-secret" };
const ADMIN_TOKEN = "demo-admin-token";

async function demo(): Promise<void> {
  const log: string[] = [];
  const print = (line: string) => void log.push(line);
  const directory = mkdtempSync(path.join(os.tmpdir(), "qonto-relay-demo-"));
  const variablesFile = path.join(directory, "variables");
  // The relay's runtime ends with this process.
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));
  process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
  await using started = new AsyncDisposableStack();
  console.log("Starting the relay …\n");
  const port = await freePort();
  const qonto = await startQonto(`http://localhost:${port}`);
  started.defer(() => qonto.stop());
  const variables = {
    QONTO_WEBHOOK_SECRETS: secrets.business,
    QONTO_ONBOARDING_SECRETS: secrets.onboarding,
    ADMIN_TOKEN,
    ALLOW_PRIVATE_DESTINATIONS: "true",
    ...applicationVariables(qonto),
  };
  const lines = Object.entries(variables).map((pair) => pair.join("="));
  writeFileSync(variablesFile, lines.join("\n"));
  const relay = await serve({ port, stateDirectory: directory, variablesFile, print });
  started.defer(() => relay.stop());

  const client = new PlayedRelay(relay.url, ADMIN_TOKEN);
  await playDeliveries({ client, secrets });
  await playConnection({ client, adminToken: ADMIN_TOKEN, runCron: relay.runCron, qonto });
  if (broken.length > 0) console.error(`\nWhat the relay said meanwhile:\n${log.join("\n")}`);
  console.log(
    broken.length === 0 ? "\nEverything arrived as promised." : `\nNot as promised:\n- ${broken.join("\n- ")}`,
  );
  process.exitCode = broken.length === 0 ? 0 : 1;
}

try {
  await demo();
} catch (error) {
  console.error(error instanceof ServeError ? error.message : error);
  process.exitCode = 1;
}
