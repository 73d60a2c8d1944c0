import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { z } from "zod";
import { tryParseJson } from "../../platform/json.ts";
import { readIfThere } from "../settings.ts";
import { Fault } from "../fault.ts";
import type { AccountContext } from "./account.ts";
import { onApiError } from "./cloudflare-api.ts";
import { type WranglerRun, runWrangler, unfinished, withNotes } from "./context.ts";
import type { Secrets } from "./secrets.ts";
import { type Queue, type Survey, findDatabase, findQueues, look, missingMigrations } from "./survey.ts";

/**
 * The steps that change something. Each can be repeated. When the answer of a step is lost, a look at the account decides
 * whether it failed.
 */

export async function deleteQueue({ id, name, consumers }: Queue, context: AccountContext): Promise<void> {
  const { account, configuration, say } = context;
  const { api } = account;
  const deleting = async () => {
    for (const consumer of consumers ?? []) await api.change("DELETE", `/queues/${id}/consumers/${consumer.id}`);
    await api.change("DELETE", `/queues/${id}`);
  };
  const isGone = async () => !(await findQueues(api, configuration)).has(name);
  await confirm("deleted", `queue ${name}`, deleting(), isGone, context);
  say(`Deleted the queue ${name}, which held nothing that counts.`);
}

export async function createQueue(name: string, context: AccountContext): Promise<void> {
  const { account, configuration, say } = context;
  const { jurisdiction } = configuration;
  const creating = account.api.change("POST", "/queues", { queue_name: name, jurisdiction });
  const isThere = async () => (await findQueues(account.api, configuration)).has(name);
  await confirm("created", `queue ${name}`, creating, isThere, context);
  say(`Created the queue ${name}, jurisdiction ${jurisdiction}.`);
}

export async function createDatabase(context: AccountContext): Promise<void> {
  const { account, configuration, say } = context;
  const { database, jurisdiction } = configuration;
  const { name } = database;
  const creating = account.api.change("POST", "/d1/database", { name, jurisdiction });
  const isThere = async () => (await findDatabase(account.api, configuration)) !== null;
  await confirm("created", `database ${name}`, creating, isThere, context);
  say(`Created the database ${name}, jurisdiction ${jurisdiction}.`);
}

const gerunds = { created: "creating", deleted: "deleting" };

/** Waits for a change. `isDone` looks whether it was made when its answer is lost. */
async function confirm(
  change: keyof typeof gerunds,
  thing: string,
  changing: Promise<void>,
  isDone: () => Promise<boolean>,
  context: AccountContext,
): Promise<void> {
  await onApiError(withNotes(`${gerunds[change]} the ${thing}`, changing, context), async (error) => {
    const isLost = error.status === null;
    const doubt = `Whether the ${thing} was ${change}, Cloudflare does not say`;
    if (isLost && (await look(`looking for the ${thing}`, isDone(), doubt, context))) return;
    const extent = isLost ? ", as far as Cloudflare lists it" : "";
    throw unfinished(`The ${thing} was not ${change}${extent}: ${error.message}.`);
  });
}

const MIGRATIONS_TIMEOUT_MS = 180_000;

/** Applies what the database lacks, once more when a run fails. The database is asked what was applied, not wrangler. */
export async function applyMigrations({ database }: Survey, context: AccountContext): Promise<void> {
  const { account, configuration, say } = context;
  const command = ["d1", "migrations", "apply", configuration.database.binding, "--remote"];
  const applying = { command, environment: account.environment, timeoutMs: MIGRATIONS_TIMEOUT_MS };
  let missing = missingMigrations(configuration, database);
  let reason = "";
  for (let tries = 1; missing.length > 0 && tries <= 2; tries += 1) {
    const run = await runWrangler("applying the migrations", applying, context);
    const doubt = "Nothing was deployed. Whether the migrations were applied, Cloudflare does not say";
    const looking = findDatabase(account.api, configuration);
    const left = missingMigrations(configuration, await look("looking at the migrations", looking, doubt, context));
    for (const name of missing.filter((one) => !left.includes(one))) say(`Applied ${name}.`);
    missing = left;
    reason = run.reason;
    if (run.tookTooLong) break;
  }
  if (missing.length === 0) return;
  throw unfinished(`The migrations ${missing.join(", ")} could not be applied${reason}. Nothing was deployed.`);
}

const BUILD_TIMEOUT_MS = 120_000;

/** Builds the Worker, and uploads nothing. */
export async function build(context: AccountContext): Promise<void> {
  const { environment } = context.account;
  const command = ["deploy", "--dry-run"];
  const run = await runWrangler("building the Worker", { command, environment, timeoutMs: BUILD_TIMEOUT_MS }, context);
  if (!run.succeeded) throw new Fault(`The Worker cannot be built${run.reason}.`);
}

const UPLOAD_TIMEOUT_MS = 180_000;

/** A line of the file that wrangler writes for programs. */
const deployed = z.object({ type: z.literal("deploy"), targets: z.array(z.string()) });

export interface Upload extends WranglerRun {
  /** Addresses, queues and schedules by which the Worker is reached. */
  readonly targets: readonly string[];
}

/** Deploys the Worker with its secrets, consumers and cron, once more when a run fails: a repetition does no harm. */
export async function upload(secrets: Secrets, context: AccountContext): Promise<Upload> {
  const first = await runUpload(secrets, context);
  return first.succeeded || first.tookTooLong ? first : runUpload(secrets, context);
}

async function runUpload(secrets: Secrets, context: AccountContext): Promise<Upload> {
  const directory = mkdtempSync(path.join(os.tmpdir(), "qonto-relay-deploy-"));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  // Ctrl-C ends the process before `finally`.
  process.once("exit", remove);
  const record = path.join(directory, "record");
  const secretsFile = path.join(directory, "secrets.json");
  try {
    const hasSecrets = Object.keys(secrets).length > 0;
    if (hasSecrets) writeFileSync(secretsFile, JSON.stringify(secrets), { mode: 0o600 });
    const command = ["deploy", ...(hasSecrets ? ["--secrets-file", secretsFile] : [])];
    const environment = { ...context.account.environment, WRANGLER_OUTPUT_FILE_PATH: record };
    const uploading = { command, environment, timeoutMs: UPLOAD_TIMEOUT_MS };
    const run = await runWrangler("deploying the Worker", uploading, context);
    const lines = readIfThere(record).split("\n").map(tryParseJson);
    return { ...run, targets: lines.flatMap((line) => deployed.safeParse(line).data?.targets ?? []) };
  } finally {
    remove();
    process.off("exit", remove);
  }
}
