import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { z } from "zod";
import { tryParseJson } from "../../platform/json.ts";
import { Fault } from "../fault.ts";
import type { Account } from "./account.ts";
import { ApiError, NoAnswer } from "./api.ts";
import type { Configuration } from "./configuration.ts";
import { type Context, type Run, TOOK_TOO_LONG, reasonOf, runWrangler, withNotes } from "./context.ts";
import type { Secrets } from "./secrets.ts";
import { type Queue, type Survey, findDatabase, findQueues, missingMigrations } from "./survey.ts";

/**
 * The steps that change something. Each can be made again; one whose answer was lost is a failure only if a look shows that
 * it was not made.
 */

export interface Step {
  readonly account: Account;
  readonly configuration: Configuration;
  readonly context: Context;
}

export const AGAIN = "Run it again: it goes on where it stopped.";

export async function deleteQueue(
  queue: Queue,
  { account: { api, path: account }, configuration, context }: Step,
): Promise<void> {
  const address = `${account}/queues/${queue.id}`;
  const deleting = async () => {
    for (const consumer of queue.consumers ?? []) await api.change("DELETE", `${address}/consumers/${consumer.id}`);
    await api.change("DELETE", address);
  };
  await confirmed("deleted", `queue ${queue.name}`, deleting(), context, async () => {
    const left = await findQueues(api, account, configuration);
    return !left.has(queue.name);
  });
  context.say(`Deleted the queue ${queue.name}, which held nothing that counts.`);
}

export async function createQueue(
  name: string,
  { account: { api, path: account }, configuration, context }: Step,
): Promise<void> {
  const { jurisdiction } = configuration;
  const creating = api.change("POST", `${account}/queues`, { queue_name: name, jurisdiction });
  await confirmed("created", `queue ${name}`, creating, context, async () =>
    (await findQueues(api, account, configuration)).has(name),
  );
  context.say(`Created the queue ${name}, jurisdiction ${jurisdiction}.`);
}

export async function createDatabase({ account: { api, path: account }, configuration, context }: Step): Promise<void> {
  const { database, jurisdiction } = configuration;
  const creating = api.change("POST", `${account}/d1/database`, { name: database.name, jurisdiction });
  await confirmed("created", `database ${database.name}`, creating, context, async () => {
    const found = await findDatabase(api, account, configuration);
    return found !== null;
  });
  context.say(`Created the database ${database.name}, jurisdiction ${jurisdiction}.`);
}

const gerunds = { created: "creating", deleted: "deleting" };

/** Has a change made. When its answer is lost, a look decides. */
async function confirmed(
  change: keyof typeof gerunds,
  thing: string,
  changing: Promise<void>,
  context: Context,
  isDone: () => Promise<boolean>,
): Promise<void> {
  try {
    await withNotes(`${gerunds[change]} the ${thing}`, changing, context);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const looking = async () => withNotes(`looking for the ${thing}`, isDone(), context).catch(unknown);
    if (error instanceof NoAnswer && (await looking())) return;
    const doubt = error instanceof NoAnswer ? ", as far as Cloudflare lists it" : "";
    throw new Fault(`The ${thing} was not ${change}${doubt}: ${error.message}.`, { remedy: AGAIN });
  }

  function unknown(error: unknown): never {
    if (!(error instanceof ApiError)) throw error;
    throw new Fault(`Whether the ${thing} was ${change}, Cloudflare does not say: ${error.message}.`, {
      remedy: AGAIN,
    });
  }
}

const MIGRATIONS_LIMIT_MS = 180_000;

/**
 * Says which of the migrations were applied. wrangler's word for it is not enough: the database is asked. A run that failed is
 * made once more.
 */
export async function applyMigrations(before: Survey, step: Step): Promise<void> {
  const { account, configuration, context } = step;
  const { binding } = configuration.database;
  let missing = missingMigrations(configuration, before.database);
  let run: Run | undefined;
  for (let tries = 0; missing.length > 0 && tries < 2 && run?.output.includes(TOOK_TOO_LONG) !== true; tries += 1) {
    const command = ["d1", "migrations", "apply", binding, "--remote"];
    const { environment } = account;
    run = await runWrangler("applying the migrations", { command, environment, limitMs: MIGRATIONS_LIMIT_MS }, context);
    const left = missingMigrations(configuration, await lookAtDatabase(step));
    for (const name of missing.filter((one) => !left.includes(one))) context.say(`Applied ${name}.`);
    missing = left;
  }
  if (missing.length === 0) return;
  const reason = reasonOf(run?.output ?? "");
  throw new Fault(`The migrations ${missing.join(", ")} could not be applied${reason}. Nothing was deployed.`, {
    remedy: AGAIN,
  });
}

async function lookAtDatabase({ account, configuration, context }: Step): Promise<Survey["database"]> {
  const looking = findDatabase(account.api, account.path, configuration);
  return withNotes("looking at the migrations", looking, context).catch((error: unknown) => {
    if (!(error instanceof ApiError)) throw error;
    const says = `Whether the migrations were applied, Cloudflare does not say: ${error.message}. Nothing was deployed.`;
    throw new Fault(says, { remedy: AGAIN });
  });
}

/** Builds what would be deployed. */
export async function build({ account, context }: Pick<Step, "account" | "context">): Promise<void> {
  const command = ["deploy", "--dry-run"];
  const run = await runWrangler(
    "building the Worker",
    { command, environment: account.environment, limitMs: 120_000 },
    context,
  );
  if (!run.succeeded) throw new Fault(`The Worker cannot be built${reasonOf(run.output)}.`);
}

const UPLOAD_LIMIT_MS = 180_000;

/** What wrangler writes down for programs to read: a line of JSON for each thing that it did. */
const deployed = z.object({ type: z.literal("deploy"), targets: z.array(z.string()) });

export interface Upload {
  readonly succeeded: boolean;
  readonly tookTooLong: boolean;
  /** What it gives as the reason of its failure, with a colon before it; empty when it gives none. */
  readonly reason: string;
  /** By what the Worker is reached: addresses, queues, schedules. */
  readonly targets: readonly string[];
}

/**
 * Deploys the Worker with its secrets, queues' consumers and cron. A run that fails is made again: what its answer was lost for
 * is done by then, and nothing is done twice that counts.
 */
export async function upload(secrets: Secrets, step: Pick<Step, "account" | "context">): Promise<Upload> {
  const first = await runUpload(secrets, step);
  return first.succeeded || first.tookTooLong ? first : runUpload(secrets, step);
}

async function runUpload(secrets: Secrets, { account, context }: Pick<Step, "account" | "context">): Promise<Upload> {
  const directory = mkdtempSync(path.join(os.tmpdir(), "qonto-relay-deploy-"));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  // Ctrl-C ends the process in the middle.
  process.once("exit", remove);
  const record = path.join(directory, "record");
  const secretsFile = path.join(directory, "secrets.json");
  try {
    const hasSecrets = Object.keys(secrets).length > 0;
    if (hasSecrets) writeFileSync(secretsFile, JSON.stringify(secrets), { mode: 0o600 });
    const run = await runWrangler(
      "deploying the Worker",
      {
        command: ["deploy", ...(hasSecrets ? ["--secrets-file", secretsFile] : [])],
        environment: { ...account.environment, WRANGLER_OUTPUT_FILE_PATH: record },
        limitMs: UPLOAD_LIMIT_MS,
      },
      context,
    );
    const lines = readIfThere(record).split("\n").map(tryParseJson);
    return {
      succeeded: run.succeeded,
      tookTooLong: run.output.includes(TOOK_TOO_LONG),
      reason: reasonOf(run.output),
      targets: lines.flatMap((line) => deployed.safeParse(line).data?.targets ?? []),
    };
  } finally {
    remove();
    process.off("exit", remove);
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
