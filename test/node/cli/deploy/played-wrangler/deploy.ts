import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { ApiError, CommandFailed } from "./api.ts";
import type { Configuration, Surroundings } from "./command.ts";
import { provision } from "./resources.ts";

export interface DeployOptions {
  readonly tag?: string | undefined;
  readonly message?: string | undefined;
  readonly "secrets-file"?: string | undefined;
  /** The Worker as one module. */
  readonly bundle: () => Promise<string>;
}

export interface Deployed {
  readonly workerTag: string | null;
  readonly versionId: string;
  readonly targets: readonly string[];
}

/** `deploy` */
export async function deploy(surroundings: Surroundings, options: DeployOptions): Promise<Deployed> {
  const { api, account, configuration, printer } = surroundings;
  const { name, observability } = configuration;
  const worker = `${account}/workers/scripts/${name}`;
  const existing = await unlessMissing(api.result(`${account}/workers/services/${name}`));
  await unlessMissing(api.result(`${worker}/secrets`));
  // The account may have no address yet. A token that may not read it is not stopped by that.
  if (existing === null) {
    await workersDev(surroundings).catch((error) => {
      if (!(error instanceof ApiError && error.code === 10_000)) throw error;
    });
  }
  await unlessMissing(api.result(`${worker}/deployments`));
  const secrets = readSecrets(options["secrets-file"]);
  requireSecrets(surroundings, secrets, existing !== null);
  const bindings = [
    ...(await provision(surroundings, worker)),
    ...ownBindings(surroundings, secrets, existing !== null),
  ];
  const form = await uploadForm(surroundings, bindings, options);
  const query = { bindings_inherit: "strict" };
  let versionId: string;
  if (existing === null) {
    const uploaded = await api.retried(worker, { method: "PUT", form, query: { excludeScript: "true", ...query } });
    versionId = uploaded.deployment_id;
  } else {
    const version = await api.retried(`${worker}/versions`, { method: "POST", form, query });
    versionId = version.id;
    const deployment = {
      strategy: "percentage",
      versions: [{ version_id: versionId, percentage: 100 }],
      annotations: { "workers/message": options.message },
    };
    await api.result(`${worker}/deployments`, { method: "POST", json: deployment });
    const json = { observability: observability ?? { enabled: false }, tags: existing.default_environment.script.tags };
    await api.result(`${worker}/script-settings`, { method: "PATCH", json }).catch(() => {
      printer.error("▲ [WARNING] Could not apply service and environment tags.", "");
    });
  }
  printer.log("Your Worker has access to the following bindings:");
  const targets = await deployTriggers(surroundings, worker);
  return { workerTag: existing?.default_environment.script.tag ?? null, versionId: hyphenated(versionId), targets };
}

/** Null when there is no such Worker. */
async function unlessMissing(asked: Promise<any>): Promise<any> {
  return asked.catch((error: unknown) => {
    if (error instanceof ApiError && [10_007, 10_090].includes(error.code ?? 0)) return null;
    throw error;
  });
}

/** A file of variables, or a JSON object. */
function readSecrets(file: string | undefined): Readonly<Record<string, string | undefined>> {
  if (file === undefined) return {};
  const text = readFileSync(file, "utf8");
  return text.trimStart().startsWith("{") ? JSON.parse(text) : parseEnv(text);
}

function requireSecrets({ configuration }: Surroundings, secrets: object, isThere: boolean): void {
  const missing = requiredSecrets(configuration).filter((name) => !(name in secrets));
  if (missing.length === 0 || isThere) return;
  throw new CommandFailed(`The following required secrets have not been set: ${missing.join(", ")}`);
}

const requiredSecrets = ({ secrets }: Surroundings["configuration"]) => secrets?.required ?? [];

function ownBindings({ configuration }: Surroundings, secrets: object, isThere: boolean): object[] {
  const { vars, ratelimits } = configuration;
  const inherited = requiredSecrets(configuration).filter((name) => isThere && !(name in secrets));
  return [
    ...inherited.map((name) => ({ name, type: "inherit" })),
    ...Object.entries(vars).map(([name, text]) => ({ name, type: "plain_text", text: String(text) })),
    ...Object.entries(secrets).map(([name, text]) => ({ name, type: "secret_text", text })),
    ...ratelimits.map((limit) => ({ ...limit, type: "ratelimit" })),
  ];
}

async function uploadForm(
  { configuration }: Surroundings,
  bindings: readonly object[],
  { tag, message, bundle }: DeployOptions,
): Promise<FormData> {
  const { compatibility_date, compatibility_flags, observability } = configuration;
  const annotations = { "workers/message": message, "workers/tag": tag };
  const form = new FormData();
  const metadata = {
    main_module: "index.js",
    bindings,
    compatibility_date,
    compatibility_flags,
    keep_bindings: ["secret_text", "secret_key"],
    ...(tag === undefined && message === undefined ? {} : { annotations }),
    ...(observability === undefined ? {} : { observability }),
  };
  form.set("metadata", JSON.stringify(metadata));
  const type = "application/javascript+module";
  form.set("index.js", new File([await bundle()], "index.js", { type }));
  return form;
}

const hyphenated = (id: string) =>
  id.replaceAll("-", "").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");

type ConfiguredConsumer = Configuration["queues"]["consumers"][number];

/** A trigger: an address, a schedule or a queue. */
interface Trigger {
  readonly category: string;
  readonly target: string;
  /** What it was not changed for. */
  readonly error: unknown;
}

/** Sets the triggers of the Worker, and prints them. */
async function deployTriggers(surroundings: Surroundings, worker: string): Promise<string[]> {
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
    // The look for the next queue begins before the first answer.
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

/** The account's workers.dev subdomain. Fails where there is none: nobody can choose one. */
async function workersDev({ api, account, printer }: Surroundings): Promise<string> {
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
