import { ApiError, CommandFailed } from "./api.ts";
import type { Surroundings } from "./command.ts";
import type { Configuration } from "./configuration.ts";

type ConfiguredConsumer = Configuration["queues"]["consumers"][number];

/** One of what a Worker is reached by. */
interface Trigger {
  readonly category: string;
  readonly target: string;
  /** What it was not changed for. */
  readonly error: unknown;
}

/** Sets what the Worker is reached by: its address, its schedules, its queues. Says what that is. */
export async function deployTriggers(surroundings: Surroundings, worker: string): Promise<string[]> {
  const { api, account, configuration, printer } = surroundings;
  const { name, queues, triggers: configured } = configuration;
  const { subdomain } = await api.retried(`${account}/workers/workers/${name}`);
  const host =
    subdomain.url === undefined ? `${name}.${await workersDev(surroundings)}` : new URL(subdomain.url).hostname;
  const { workers_dev: enabled = true, preview_urls: previews_enabled } = configuration;
  await api.retried(`${worker}/subdomain`, { method: "POST", json: { enabled, previews_enabled } });

  const crons = configured.crons ?? [];
  const triggers: Promise<Trigger>[] = [];
  const json = crons.map((cron) => ({ cron }));
  const scheduled = settled(api.result(`${worker}/schedules`, { method: "PUT", json }));
  for (const cron of crons) triggers.push(trigger("Cron schedules", `schedule: ${cron}`, scheduled));
  const producers = queues.producers.map(({ queue }) => `Producer for ${queue}`);
  for (const consumer of queues.consumers) {
    // The first is still on its way when the next queue is looked for.
    const { consumers } = await findQueue(surroundings, consumer.queue);
    const isThere = consumers.some(({ script }: any) => script === name);
    const consumed = settled(consume(surroundings, consumer, isThere));
    triggers.push(trigger("Queue consumers", `Consumer for ${consumer.queue}`, consumed));
  }
  const all = await Promise.all(triggers);
  const reached = (category: string) =>
    all.filter((one) => one.category === category && one.error === null).map(({ target }) => target);
  const targets = [`https://${host}`, ...reached("Cron schedules"), ...producers, ...reached("Queue consumers")];
  printer.log(...targets.map((target) => `  ${target}`));
  const failed = all.filter(({ error }) => error !== null);
  if (failed.length > 0) throw partialFailure(name, failed);
  return targets;
}

const settled = (done: Promise<unknown>) =>
  done.then(
    () => null,
    (error: unknown) => error,
  );

const trigger = async (category: string, target: string, done: Promise<unknown>) => ({
  category,
  target,
  error: await done,
});

async function findQueue({ api, account }: Surroundings, name: string): Promise<any> {
  const [queue] = await api.result(`${account}/queues`, { query: { page: "1", name } });
  if (queue !== undefined) return queue;
  throw new CommandFailed(`Queue "${name}" does not exist. To create it, run: wrangler queues create ${name}`);
}

async function consume(surroundings: Surroundings, consumer: ConfiguredConsumer, isThere: boolean): Promise<void> {
  const { api, account, configuration } = surroundings;
  const { queue_id, consumers } = await findQueue(surroundings, consumer.queue);
  const json = {
    type: "worker",
    dead_letter_queue: consumer.dead_letter_queue,
    script_name: configuration.name,
    settings: {
      batch_size: consumer.max_batch_size,
      max_retries: consumer.max_retries,
      max_wait_time_ms: consumer.max_batch_timeout === undefined ? undefined : 1000 * consumer.max_batch_timeout,
      max_concurrency: consumer.max_concurrency,
      retry_delay: consumer.retry_delay,
    },
  };
  const path = `${account}/queues/${queue_id}/consumers`;
  if (!isThere) return api.result(path, { method: "POST", json });
  const own = consumers.find(({ script }: any) => script === configuration.name);
  if (own === undefined) {
    throw new CommandFailed(`No worker consumer '${configuration.name}' exists for queue ${consumer.queue}`);
  }
  await api.result(`${path}/${own.consumer_id}`, { method: "PUT", json });
}

/** Where the account's Workers are; fails where nobody is there to choose it. */
export async function workersDev({ api, account, printer }: Surroundings): Promise<string> {
  try {
    const { subdomain } = await api.result(`${account}/workers/subdomain`);
    return `${subdomain}.workers.dev`;
  } catch (error) {
    if (!(error instanceof ApiError && error.code === 10_007)) throw error;
  }
  printer.error("▲ [WARNING] You need to register a workers.dev subdomain before publishing to workers.dev", "");
  throw new CommandFailed(
    "You can either deploy your worker to one or more routes by specifying them in your wrangler.toml file, or register a workers.dev subdomain here:",
    [`https://dash.cloudflare.com${account.replace("/accounts", "")}/workers/onboarding`],
  );
}

function partialFailure(name: string, failed: readonly Trigger[]): CommandFailed {
  const categories = [...new Set(failed.map(({ category }) => category))];
  const notes = categories.flatMap((category) => [
    `  ${category}:`,
    ...failed.filter((one) => one.category === category).flatMap(({ error }) => describe(error)),
  ]);
  return new CommandFailed(`Trigger configuration for "${name}" was only partially updated:`, [
    ...notes,
    "Successful trigger changes were not rolled back.",
  ]);
}

function describe(error: unknown): string[] {
  const message = error instanceof Error ? error.message : String(error);
  const notes = error instanceof ApiError ? error.notes : [];
  return [`    - ${message}`, ...notes.map((note) => `      - ${note}`)];
}
