import type { Configuration, QueueConfiguration } from "./configuration.ts";
import { queueOutside } from "./preconditions.ts";
import type { Queue, Survey } from "./survey.ts";

/** What a look at a deployment found. Sentences, each with the way out. */
export interface Inspection {
  /** What keeps events from flowing as they should, and another `npm run deploy` mends. */
  readonly gaps: readonly string[];
  /** Queues that work where they should not be: only their owner can decide when they are empty. */
  readonly outside: readonly string[];
  /** What Cloudflare does not say. */
  readonly unknown: readonly string[];
}

/** Holds what is there against what `wrangler.toml` says. */
export function inspect(configuration: Configuration, found: Survey): Inspection {
  const { worker, database, queues, jurisdiction } = configuration;
  if (found.worker === null) return { gaps: [`The Worker ${worker} is not there.`], outside: [], unknown: [] };
  const gaps: string[] = [];
  const unknown: string[] = [];
  const outside: string[] = [];
  const missing = database.migrations.filter((name) => found.database?.appliedMigrations.includes(name) !== true);
  if (found.database === null) gaps.push(`The database ${database.name} is not there.`);
  else if (missing.length > 0) gaps.push(`The database lacks ${missing.join(", ")}.`);
  for (const wanted of queues) {
    const queue = found.queues.get(wanted.name);
    if (queue === undefined) {
      gaps.push(`The queue ${wanted.name} is not there.`);
      continue;
    }
    if (queue.jurisdiction !== jurisdiction) outside.push(queueOutside(queue, jurisdiction));
    if (queue.producers === null || queue.consumers === null) unknown.push(`what the queue ${queue.name} is joined to`);
    gaps.push(...gapsOfProducers(queue, wanted, worker), ...gapsOfConsumers(queue, wanted, worker));
  }
  const { crons, isOnWorkersDev } = found.worker;
  if (crons === null) unknown.push("whether the cron is set");
  const lost = configuration.crons.filter((cron) => crons?.includes(cron) === false);
  if (lost.length > 0) gaps.push(`The cron (${lost.join(", ")}) is not set.`);
  if (configuration.isOnWorkersDev && isOnWorkersDev === false)
    gaps.push("The Worker is not reached under workers.dev.");
  return { gaps, outside, unknown };
}

function gapsOfProducers({ producers, name }: Queue, { isProduced }: QueueConfiguration, worker: string): string[] {
  if (!isProduced || producers === null) return [];
  const others = producers.filter((producer) => producer !== worker);
  return [
    // One that was deleted and made anew has another id than the one that the Worker was given.
    ...(producers.includes(worker) ? [] : [`The Worker does not write to the queue ${name}.`]),
    ...(others.length === 0
      ? []
      : [`The queue ${name} is written to by ${others.join(", ")} as well: take that binding away.`]),
  ];
}

function gapsOfConsumers(
  { consumers, name }: Queue,
  { isConsumed, deadLetterQueue }: QueueConfiguration,
  worker: string,
): string[] {
  if (!isConsumed || consumers === null) return [];
  const own = consumers.find((consumer) => consumer.worker === worker);
  const others = consumers
    .filter((consumer) => consumer !== own)
    .map((consumer) => consumer.worker ?? "something else");
  const deadLetters = own?.deadLetterQueue;
  return [
    ...(own === undefined ? [`Nothing of the relay consumes the queue ${name}.`] : []),
    ...(others.length === 0
      ? []
      : [
          `The queue ${name} is consumed by ${others.join(", ")}: \`npx wrangler queues consumer remove ${name} <Worker>\`.`,
        ]),
    ...(deadLetters === undefined || (deadLetters ?? null) === deadLetterQueue
      ? []
      : [
          `What the consumer of ${name} gives up goes to ${deadLetters ?? "nowhere"}, not to ${deadLetterQueue ?? "nowhere"}.`,
        ]),
  ];
}
