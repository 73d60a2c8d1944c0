import type { Configuration, QueueConfiguration } from "./configuration.ts";
import { databaseOutside, describeOutside } from "./preconditions.ts";
import { type Queue, type Survey, missingMigrations } from "./survey.ts";

/** What a look at a deployment found. */
export interface Inspection {
  /** What another `npm run deploy` adds. In words that follow upon "without". */
  readonly missing: readonly string[];
  /** What stands in the way of the relay. Sentences, each with the way out, as below. */
  readonly wrong: readonly string[];
  /** Queues that work where they should not be: only their owner can tell when they are empty. */
  readonly outside: readonly string[];
  /** What Cloudflare does not say. */
  readonly unknown: readonly string[];
}

/** Holds what is there against what `wrangler.toml` says. */
export function inspect(configuration: Configuration, found: Survey): Inspection {
  const { worker, database, queues } = configuration;
  const joined = queues.map((wanted) => inspectQueue(found.queues.get(wanted.name), wanted, worker));
  const { crons = null, isOnWorkersDev = null } = found.worker ?? {};
  const lostCrons = configuration.crons.filter((cron) => crons?.includes(cron) === false);
  return {
    missing: [
      ...(found.worker === null ? [`the Worker ${worker}`] : []),
      ...(found.database === null
        ? [`the database ${database.name}`]
        : missingMigrations(configuration, found.database)),
      ...joined.flatMap(({ missing }) => missing),
      ...(lostCrons.length === 0 ? [] : [`its cron (${lostCrons.join(", ")})`]),
      ...(configuration.isOnWorkersDev && isOnWorkersDev === false ? ["its address under workers.dev"] : []),
    ],
    wrong: [...databaseOutside(configuration, found), ...joined.flatMap(({ wrong }) => wrong)],
    outside: describeOutside(configuration, found),
    unknown: [...joined.flatMap(({ unknown }) => unknown), ...(crons === null ? ["whether its cron is set"] : [])],
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
  // A queue that was deleted and created again has another id than the one that the Worker was given.
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
