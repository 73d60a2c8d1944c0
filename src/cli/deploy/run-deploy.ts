import { parseArgs } from "node:util";
import { Fault, wrongUsage } from "../fault.ts";
import type { Environment, Stream } from "../terminal.ts";
import { Cloudflare } from "./cloudflare.ts";
import { missingSecrets, nextCommands } from "./next-steps.ts";
import { type Resources, readResources } from "./resources.ts";
import type { Wrangler } from "./wrangler-runs.ts";

const usage = `npm run deploy [-- --dry-run]

Creates the queues and the database that are missing, applies the migrations, deploys the Worker, and says which secrets
are yet to be set. What is there already stays as it is: it can be run again at any time.

  --dry-run  says what would be done, and does nothing`;

interface Surroundings {
  readonly env: Environment;
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly wrangler: Wrangler;
}

/** What is deployed where, and what of it is there. */
interface Deployment extends Resources {
  readonly cloudflare: Cloudflare;
  readonly missingQueues: readonly string[];
  readonly hasDatabase: boolean;
}

type Say = (line: string) => void;

/** Deploys the relay, or says what that would do; resolves with the exit code. */
export async function runDeploy(
  programArguments: readonly string[],
  { env, stdout, stderr, wrangler }: Surroundings,
): Promise<number> {
  const say: Say = (line) => stdout.write(`${line}\n`);
  try {
    const { help, isDryRun } = readArguments(programArguments);
    if (help) say(usage);
    else await (isDryRun ? rehearse : deploy)(await look(new Cloudflare(wrangler, env), say), say);
    return 0;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const lines = [error.message, ...(error.remedy === undefined ? [] : [error.remedy])];
    stderr.write(`${lines.join("\n")}\n`);
    return error.exitCode;
  }
}

function readArguments(programArguments: readonly string[]): { readonly help: boolean; readonly isDryRun: boolean } {
  try {
    const { values } = parseArgs({
      args: [...programArguments],
      options: { "dry-run": { type: "boolean" }, help: { type: "boolean", short: "h" } },
    });
    return { help: values.help === true, isDryRun: values["dry-run"] === true };
  } catch (error) {
    throw wrongUsage(error instanceof Error ? error.message : String(error), usage);
  }
}

async function look(cloudflare: Cloudflare, say: Say): Promise<Deployment> {
  await cloudflare.requireLogin();
  const resources = await readResources();
  const { queues: names, database, jurisdiction } = resources;
  say("Looking at what is there …");
  const [hasDatabase, ...found] = await Promise.all([
    cloudflare.hasDatabase(database.name),
    ...names.map((name) => cloudflare.findQueue(name)),
  ]);
  for (const queue of found) {
    if (queue === null || queue.jurisdiction === jurisdiction) continue;
    say(`The queue ${queue.name} is not under the jurisdiction ${jurisdiction}; only a new one can be.`);
  }
  return { ...resources, cloudflare, missingQueues: names.filter((_, index) => found[index] === null), hasDatabase };
}

/** New code never meets an old schema; what is missing is created first, for `wrangler deploy` would not ask where. */
async function deploy(
  { cloudflare, database, jurisdiction, missingQueues, hasDatabase }: Deployment,
  say: Say,
): Promise<void> {
  for (const queue of missingQueues) {
    await cloudflare.createQueue(queue, jurisdiction);
    say(`Created the queue ${queue}, jurisdiction ${jurisdiction}.`);
  }
  if (!hasDatabase) {
    await cloudflare.createDatabase(database.name, jurisdiction);
    say(`Created the database ${database.name}, jurisdiction ${jurisdiction}.`);
  }
  for (const migration of await cloudflare.applyMigrations(database.binding, database.migrations)) {
    say(`Applied ${migration}.`);
  }
  const targets = await cloudflare.deploy();
  say("Deployed the Worker.");
  sayRest([missingSecrets(await cloudflare.secrets()), nextCommands(targets)], say);
}

async function rehearse(
  { cloudflare, database, jurisdiction, missingQueues, hasDatabase }: Deployment,
  say: Say,
): Promise<void> {
  for (const queue of missingQueues) say(`Would create the queue ${queue}, jurisdiction ${jurisdiction}.`);
  if (!hasDatabase) say(`Would create the database ${database.name}, jurisdiction ${jurisdiction}.`);
  const migrations = hasDatabase
    ? await cloudflare.pendingMigrations(database.binding, database.migrations)
    : database.migrations;
  for (const migration of migrations) say(`Would apply ${migration}.`);
  await cloudflare.build();
  say("Would deploy the Worker.");
  sayRest([missingSecrets(await cloudflare.secrets())], say);
}

function sayRest(paragraphs: readonly string[], say: Say): void {
  for (const paragraph of paragraphs) if (paragraph !== "") say(`\n${paragraph}`);
}
