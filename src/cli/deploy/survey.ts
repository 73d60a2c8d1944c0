import { z } from "zod";
import { appliedMigrationsSql } from "../../store/migrations.ts";
import type { Account } from "./account.ts";
import { type ApiError, type CloudflareApi, onApiError } from "./cloudflare-api.ts";
import type { Configuration } from "./configuration.ts";
import { type Context, unfinished, withNotes } from "./context.ts";

/** What an account has of a deployment. What could not be looked up counts as missing. */
export interface Survey {
  /** The account's workers.dev subdomain; null while it has none. */
  readonly subdomain: string | null;
  /** Of those in wrangler.toml, the ones that exist. */
  readonly queues: ReadonlyMap<string, Queue>;
  readonly database: Database | null;
  readonly worker: Worker | null;
  readonly failures: readonly LookUpFailure[];
}

export interface Queue {
  readonly id: string;
  readonly name: string;
  readonly jurisdiction: string | null;
  /** Names, mostly of Workers. Null where Cloudflare does not say. */
  readonly producers: readonly string[] | null;
  readonly consumers: readonly z.output<typeof consumer>[] | null;
  /** Messages in it; null where that was not asked, or Cloudflare does not say. */
  readonly backlog: number | null;
}

interface Database {
  readonly id: string;
  readonly jurisdiction: string | null;
  readonly appliedMigrations: readonly string[];
}

interface Worker {
  /** Names. */
  readonly secrets: readonly string[];
  /** The newest deployment, and its version with all or most of the requests; null where none is listed. */
  readonly deployment: { readonly versionId: string; readonly createdAt: string | null } | null;
  /** Each null where Cloudflare does not say. */
  readonly crons: readonly string[] | null;
  readonly isOnWorkersDev: boolean | null;
  /** The database that it is bound to. */
  readonly databaseId: string | null;
}

/** Parts of an account. Each is also the name of the permission that a token needs for it. */
export const services = ["Workers Scripts", "D1", "Queues"] as const;

export type Service = (typeof services)[number];

/** Why a part of an account could not be looked up. */
export interface LookUpFailure {
  readonly service: Service;
  readonly error: ApiError;
}

/** Looks at everything at once. */
export async function survey({ api }: Account, configuration: Configuration): Promise<Survey> {
  const failures: LookUpFailure[] = [];
  const lookUp = <Value, Otherwise>(service: Service, otherwise: Otherwise, looking: Promise<Value>) =>
    onApiError(looking, (error) => {
      failures.push({ service, error });
      return otherwise;
    });
  const [subdomain, queues, database, worker] = await Promise.all([
    lookUp("Workers Scripts", null, api.find("/workers/subdomain", subdomainOfAccount)),
    lookUp("Queues", new Map<string, Queue>(), findQueues(api, configuration)),
    lookUp("D1", null, findDatabase(api, configuration)),
    lookUp("Workers Scripts", null, findWorker(api, configuration.worker)),
  ]);
  return { subdomain, queues, database, worker, failures };
}

/** Waits for one look. Its failure ends the run with `failure` and the reason. */
export function look<Value>(what: string, looking: Promise<Value>, failure: string, context: Context): Promise<Value> {
  return onApiError(withNotes(what, looking, context), ({ message }) => {
    throw unfinished(`${failure}: ${message}.`);
  });
}

const subdomainOfAccount = z
  .object({ subdomain: z.string().nullish() })
  .nullable()
  .transform((found) => found?.subdomain || null);

const consumer = z
  .object({
    consumer_id: z.string(),
    script: z.string().nullish(),
    script_name: z.string().nullish(),
    service: z.string().nullish(),
    dead_letter_queue: z.string().nullish(),
  })
  .transform(({ consumer_id: id, script, script_name, service, dead_letter_queue }) => ({
    id,
    /** Null for a consumer that is no Worker. */
    worker: script ?? script_name ?? service ?? null,
    /** Undefined where Cloudflare does not say. */
    deadLetterQueue: dead_letter_queue === undefined ? undefined : dead_letter_queue || null,
  }));

const producer = z
  .object({ script: z.string().nullish(), service: z.string().nullish(), bucket_name: z.string().nullish() })
  .transform(({ script, service, bucket_name }) => script ?? service ?? bucket_name ?? "something else");

const queue = z
  .object({
    queue_id: z.string(),
    queue_name: z.string(),
    jurisdiction: z.string().nullish(),
    producers: z.array(producer).nullish(),
    consumers: z.array(consumer).nullish(),
  })
  .transform(({ queue_id: id, queue_name: name, jurisdiction = null, producers = null, consumers = null }) => {
    return { id, name, jurisdiction, producers, consumers };
  });

const backlogOfQueue = z.object({ backlog_count: z.number() }).transform(({ backlog_count }) => backlog_count);

/** The backlog is looked up only for queues in another jurisdiction. */
export async function findQueues(
  api: CloudflareApi,
  { queues, jurisdiction }: Configuration,
): Promise<Map<string, Queue>> {
  const names = queues.map(({ name }) => name);
  const all = (await api.list("/queues", queue)).filter(({ name }) => names.includes(name));
  const counted = all.map(async (one): Promise<[string, Queue]> => {
    const isElsewhere = one.jurisdiction !== jurisdiction;
    const backlog = isElsewhere ? await orNull(api.get(`/queues/${one.id}/metrics`, backlogOfQueue)) : null;
    return [one.name, { ...one, backlog }];
  });
  return new Map(await Promise.all(counted));
}

const nameOnly = z.object({ name: z.string() }).transform(({ name }) => name);

const databaseRow = z.object({ uuid: z.string(), name: z.string(), jurisdiction: z.string().nullish() });

export async function findDatabase(
  api: CloudflareApi,
  { database: { name, databaseId } }: Configuration,
): Promise<Database | null> {
  const found =
    databaseId === null
      ? (await api.list("/d1/database", databaseRow, { name })).find((one) => one.name === name)
      : await api.find(`/d1/database/${databaseId}`, databaseRow);
  if (!found) return null;
  const { uuid: id, jurisdiction = null } = found;
  return { id, jurisdiction, appliedMigrations: await rowsOf(api, id, appliedMigrationsSql, nameOnly) };
}

/** File names, in their order. */
export function missingMigrations(configuration: Configuration, database: Database | null): string[] {
  return configuration.database.migrations.filter((name) => database?.appliedMigrations.includes(name) !== true);
}

/** The rows of a query; none while the table does not exist. */
export async function rowsOf<Schema extends z.ZodType>(
  api: CloudflareApi,
  databaseId: string,
  sql: string,
  row: Schema,
): Promise<z.output<Schema>[]> {
  const answer = z.tuple([z.object({ results: z.array(row) })], z.unknown()).transform(([{ results }]) => results);
  return onApiError(api.query(`/d1/database/${databaseId}/query`, { sql }, answer), (error) => {
    if (error.message.includes("no such table")) return [];
    throw error;
  });
}

const newestDeployment = z
  .object({
    deployments: z.array(
      z.object({
        created_on: z.string().nullish(),
        versions: z.array(z.object({ version_id: z.string(), percentage: z.number().default(100) })).default([]),
      }),
    ),
  })
  .transform(({ deployments }) => {
    const [latest] = deployments.toSorted((one, other) => (other.created_on ?? "").localeCompare(one.created_on ?? ""));
    const [version] = latest?.versions.toSorted((one, other) => other.percentage - one.percentage) ?? [];
    return version === undefined ? null : { versionId: version.version_id, createdAt: latest?.created_on ?? null };
  });

const cronsOfScript = z
  .object({ schedules: z.array(z.object({ cron: z.string() })) })
  .transform(({ schedules }) => schedules.map(({ cron }) => cron));

const isEnabled = z.object({ enabled: z.boolean() }).transform(({ enabled }) => enabled);

const boundDatabase = z
  .object({ bindings: z.array(z.object({ type: z.string(), id: z.string().optional() })) })
  .transform(({ bindings }) => bindings.find(({ type }) => type === "d1")?.id ?? null);

async function findWorker(api: CloudflareApi, name: string): Promise<Worker | null> {
  const script = `/workers/scripts/${name}`;
  const secrets = await api.find(`${script}/secrets`, z.array(nameOnly));
  if (secrets === null) return null;
  const [deployment, crons, isOnWorkersDev, databaseId] = await Promise.all([
    api.find(`${script}/deployments`, newestDeployment),
    orNull(api.get(`${script}/schedules`, cronsOfScript)),
    orNull(api.get(`${script}/subdomain`, isEnabled)),
    api.find(`${script}/settings`, boundDatabase),
  ]);
  return { secrets, deployment, crons, isOnWorkersDev, databaseId };
}

/** For facts that decide nothing: what Cloudflare does not say is reported as unknown. */
function orNull<Value>(asking: Promise<Value>): Promise<Value | null> {
  return onApiError(asking, () => null);
}
