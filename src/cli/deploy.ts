import os from "node:os";
import { parseArgs } from "node:util";
import { Cloudflare } from "./deploy/cloudflare.ts";
import { missingSecrets, nextCommands } from "./deploy/next-steps.ts";
import { type Resources, readResources } from "./deploy/resources.ts";
import { WranglerRuns } from "./deploy/wrangler-runs.ts";
import { Fault, wrongUsage } from "./fault.ts";

const usage = `npm run deploy [-- --dry-run]

Creates the queues and the database that are missing, applies the migrations, deploys the Worker, and says which secrets
are yet to be set. What is there already stays as it is: it can be run again at any time.

  --dry-run  says what would be done, and does nothing`;

interface Found {
  readonly missingQueues: readonly string[];
  readonly hasDatabase: boolean;
}

/** `npm run deploy` */
async function main(): Promise<void> {
  const { help, isDryRun } = readArguments();
  if (help) return console.log(usage);
  const wrangler = new WranglerRuns();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => void wrangler.stop().finally(() => process.exit(128 + os.constants.signals[signal])));
  }
  const cloudflare = new Cloudflare(wrangler);
  await cloudflare.requireLogin();
  const resources = await readResources();
  const found = await look(cloudflare, resources);
  await (isDryRun ? rehearse : deploy)(cloudflare, resources, found);
}

function readArguments(): { readonly help: boolean; readonly isDryRun: boolean } {
  try {
    const { values } = parseArgs({
      options: { "dry-run": { type: "boolean" }, help: { type: "boolean", short: "h" } },
    });
    return { help: values.help === true, isDryRun: values["dry-run"] === true };
  } catch (error) {
    throw wrongUsage(error instanceof Error ? error.message : String(error), usage);
  }
}

async function look(cloudflare: Cloudflare, { queues: names, database, jurisdiction }: Resources): Promise<Found> {
  console.log("Looking at what is there …");
  const [hasDatabase, ...found] = await Promise.all([
    cloudflare.hasDatabase(database.name),
    ...names.map((name) => cloudflare.findQueue(name)),
  ]);
  for (const queue of found) {
    if (queue === null || queue.jurisdiction === jurisdiction) continue;
    console.log(`The queue ${queue.name} is not under the jurisdiction ${jurisdiction}; only a new one can be.`);
  }
  return { missingQueues: names.filter((_, index) => found[index] === null), hasDatabase };
}

/** New code never meets an old schema; what is missing is created first, for `wrangler deploy` would not ask where. */
async function deploy(cloudflare: Cloudflare, { database, jurisdiction }: Resources, found: Found): Promise<void> {
  for (const queue of found.missingQueues) {
    await cloudflare.createQueue(queue, jurisdiction);
    console.log(`Created the queue ${queue}, jurisdiction ${jurisdiction}.`);
  }
  if (!found.hasDatabase) {
    await cloudflare.createDatabase(database.name, jurisdiction);
    console.log(`Created the database ${database.name}, jurisdiction ${jurisdiction}.`);
  }
  for (const migration of await cloudflare.applyMigrations(database.binding, database.migrations)) {
    console.log(`Applied ${migration}.`);
  }
  const targets = await cloudflare.deploy();
  console.log("Deployed the Worker.");
  sayRest(missingSecrets(await cloudflare.secrets()), nextCommands(targets));
}

async function rehearse(cloudflare: Cloudflare, { database, jurisdiction }: Resources, found: Found): Promise<void> {
  for (const queue of found.missingQueues) {
    console.log(`Would create the queue ${queue}, jurisdiction ${jurisdiction}.`);
  }
  if (!found.hasDatabase) console.log(`Would create the database ${database.name}, jurisdiction ${jurisdiction}.`);
  const migrations = found.hasDatabase
    ? await cloudflare.pendingMigrations(database.binding, database.migrations)
    : database.migrations;
  for (const migration of migrations) console.log(`Would apply ${migration}.`);
  await cloudflare.build();
  console.log("Would deploy the Worker.");
  sayRest(missingSecrets(await cloudflare.secrets()));
}

function sayRest(...paragraphs: readonly string[]): void {
  for (const paragraph of paragraphs) if (paragraph !== "") console.log(`\n${paragraph}`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Fault)) throw error;
  console.error([error.message, ...(error.remedy === undefined ? [] : [error.remedy])].join("\n"));
  process.exitCode = error.exitCode;
}
