import { z } from "zod";
import { latestEventSql } from "../../store/migrations.ts";
import { Fault } from "../fault.ts";
import type { AccountContext } from "./account.ts";
import { onApiError } from "./cloudflare-api.ts";
import type { Configuration, QueueConfiguration } from "./configuration.ts";
import {
  couldNotLook,
  describeDatabaseOutside,
  describeQueuesOutside,
  lookUpRemedy,
  withJurisdiction,
} from "./preconditions.ts";
import { sayMissing } from "./secrets.ts";
import { type Queue, type Survey, missingMigrations, rowsOf } from "./survey.ts";

/** `--status`: says what is deployed. Throws what is wrong with it. */
export async function showStatus(found: Survey, context: AccountContext): Promise<void> {
  const { configuration, say } = context;
  const [failure] = found.failures;
  if (failure !== undefined) throw new Fault(couldNotLook(failure), { remedy: lookUpRemedy(failure) });
  const { worker, database } = found;
  if (worker === null) {
    const remedy = "`npm run deploy -- --dry-run` says what a deployment would do.";
    throw new Fault("Nothing is deployed.", { remedy });
  }
  const { deployment, secrets, crons } = worker;
  const queues = Array.from(found.queues.values(), ({ name, jurisdiction }) => withJurisdiction(name, jurisdiction));
  const facts: readonly (readonly [string, string])[] = [
    ["Version", deployment === null ? "not listed" : `${deployment.versionId}, since ${deployment.createdAt ?? "?"}`],
    ["Database", database === null ? "none" : withJurisdiction(configuration.database.name, database.jurisdiction)],
    ["Schema", database?.appliedMigrations.at(-1) ?? "none"],
    ["Queues", queues.join(", ")],
    ["Secrets", secrets.join(", ") || "none"],
    ["Cron", crons === null ? "not said" : crons.join(", ") || "none"],
    ["Last event", await lastEvent(found, context)],
  ];
  for (const [name, text] of facts) say(`${name.padEnd(12)}${text}`);
  const inspection = inspect(configuration, found);
  sayNotes(inspection, context);
  sayMissing(secrets, context);
  const sentences = describeFaults(inspection);
  if (sentences.length === 0) return;
  throw new Fault(sentences.join("\n"), {
    remedy: inspection.wrong.length === 0 ? "Run `npm run deploy`." : "Do that, then run `npm run deploy`.",
  });
}

const eventRow = z
  .object({ type: z.string(), received_at: z.number() })
  .transform(({ type, received_at }) => `${new Date(received_at).toISOString()}, ${type}`);

async function lastEvent({ database }: Survey, { account }: AccountContext): Promise<string> {
  if (database === null) return "none";
  const reading = rowsOf(account.api, database.id, latestEventSql, eventRow);
  return onApiError(
    reading.then(([latest = "none"]) => latest),
    ({ message }) => `not known: ${message}`,
  );
}

/** Says what is no failure of the deployment. */
export function sayNotes({ outside, unknown }: Inspection, { say }: AccountContext): void {
  for (const sentence of outside) say(sentence);
  if (unknown.length > 0) say(`Cloudflare does not say ${unknown.join(", ")}.`);
}

/** What differs from wrangler.toml. */
export interface Inspection {
  /** What another `npm run deploy` adds: nouns, to stand behind "without". */
  readonly missing: readonly string[];
  /** What a person must change: sentences, each with its remedy. */
  readonly wrong: readonly string[];
  /** Queues that work, in another jurisdiction: sentences, each with its remedy. */
  readonly outside: readonly string[];
  /** What Cloudflare does not say: nouns. */
  readonly unknown: readonly string[];
}

/** What is missing and what is wrong, in sentences. */
export function describeFaults({ missing, wrong }: Inspection): string[] {
  return [...(missing.length === 0 ? [] : [`The relay is without ${missing.join(", ")}.`]), ...wrong];
}

/** Compares what is deployed with wrangler.toml. */
export function inspect(configuration: Configuration, found: Survey): Inspection {
  const { worker, database, queues } = configuration;
  const inspected = queues.map((wanted) => inspectQueue(found.queues.get(wanted.name), wanted, worker));
  const { crons = null, isOnWorkersDev = null } = found.worker ?? {};
  const lostCrons = configuration.crons.filter((cron) => crons?.includes(cron) === false);
  return {
    missing: [
      ...(found.worker === null ? [`the Worker ${worker}`] : []),
      ...(found.database === null
        ? [`the database ${database.name}`]
        : missingMigrations(configuration, found.database)),
      ...inspected.flatMap(({ missing }) => missing),
      ...(lostCrons.length === 0 ? [] : [`its cron (${lostCrons.join(", ")})`]),
      ...(configuration.isOnWorkersDev && isOnWorkersDev === false ? ["its address under workers.dev"] : []),
    ],
    wrong: [...describeDatabaseOutside(configuration, found), ...inspected.flatMap(({ wrong }) => wrong)],
    outside: describeQueuesOutside(configuration, found),
    unknown: [...inspected.flatMap(({ unknown }) => unknown), ...(crons === null ? ["whether its cron is set"] : [])],
  };
}

function inspectQueue(
  queue: Queue | undefined,
  { name, isProduced, isConsumed, deadLetterQueue }: QueueConfiguration,
  worker: string,
): Pick<Inspection, "missing" | "wrong" | "unknown"> {
  if (queue === undefined) return { missing: [`the queue ${name}`], wrong: [], unknown: [] };
  const { producers, consumers } = queue;
  const unknown = producers === null || consumers === null ? [`what the queue ${name} is joined to`] : [];
  const missing: string[] = [];
  const wrong: string[] = [];
  // A queue that was deleted and created again has another id than the one in the Worker's binding.
  if (isProduced && producers?.includes(worker) === false) missing.push(`a producer of the queue ${name}`);
  const otherProducers = (producers ?? []).filter((producer) => producer !== worker);
  if (otherProducers.length > 0) {
    wrong.push(`${otherProducers.join(", ")} writes to the queue ${name} as well: take that binding away.`);
  }
  const own = consumers?.find((consumer) => consumer.worker === worker);
  if (isConsumed && consumers !== null && own === undefined) missing.push(`a consumer of the queue ${name}`);
  const otherConsumers = (consumers ?? []).filter((consumer) => consumer !== own);
  for (const { worker: other } of otherConsumers) {
    const way = other === null ? "in the dashboard" : `by \`npx wrangler queues consumer remove ${name} ${other}\``;
    wrong.push(`The queue ${name} is consumed by ${other ?? "something else"}: remove that ${way}.`);
  }
  const deadLetters = own?.deadLetterQueue;
  if (deadLetters !== undefined && deadLetters !== deadLetterQueue) {
    missing.push(`the right dead-letter queue of the consumer of ${name}`);
  }
  return { missing, wrong, unknown };
}
