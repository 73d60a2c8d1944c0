import { z } from "zod";
import { appliedMigrationsSql } from "../../store/migrations.ts";
import type { Account } from "./account.ts";
import { type Api, ApiError } from "./api.ts";
import type { Configuration } from "./configuration.ts";

/** What of a deployment is there, in one account. */
export interface Survey {
  /** The account's part of workers.dev; null while it has none. */
  readonly subdomain: string | null;
  /** Those that the configuration names, as far as they exist. */
  readonly queues: ReadonlyMap<string, Queue>;
  readonly database: Database | null;
  readonly worker: Worker | null;
}

export interface Queue {
  readonly id: string;
  readonly name: string;
  readonly jurisdiction: string | null;
  /** Names, mostly of Workers. Null where Cloudflare does not say. */
  readonly producers: readonly string[] | null;
  readonly consumers: readonly Consumer[] | null;
  /** How many messages it holds; null where that was not asked, or not said. */
  readonly backlog: number | null;
}

interface Consumer {
  readonly id: string;
  /** Null for one that is no Worker. */
  readonly worker: string | null;
  /** Undefined where Cloudflare does not say. */
  readonly deadLetterQueue: string | null | undefined;
}

export interface Database {
  readonly id: string;
  readonly jurisdiction: string | null;
  readonly appliedMigrations: readonly string[];
}

interface Worker {
  /** Names. */
  readonly secrets: readonly string[];
  /** The newest deployment; null where none is listed. */
  readonly deployment: Deployment | null;
  /** Each null where Cloudflare does not say. */
  readonly crons: readonly string[] | null;
  readonly isOnWorkersDev: boolean | null;
  /** Of the database that it is bound to. */
  readonly databaseId: string | null;
}

interface Deployment {
  /** The version that all of its requests, or most of them, go to. */
  readonly versionId: string;
  readonly createdAt: string | null;
}

/** A part of an account. A token needs a permission for each, which has the same name in Cloudflare's dashboard. */
export const services = ["Workers Scripts", "D1", "Queues"] as const;

export type Service = (typeof services)[number];

/** What kept a part of an account from being looked at. */
export interface LookUpFailure {
  readonly service: Service;
  readonly error: ApiError;
}

export interface Surveyed extends Survey {
  /** What they kept from view is taken as not there. */
  readonly failures: readonly LookUpFailure[];
}

/** Looks at everything at once. */
export async function survey(
  { api, path: account }: Pick<Account, "api" | "path">,
  configuration: Configuration,
): Promise<Surveyed> {
  const failures: LookUpFailure[] = [];
  const of = async <Value>(service: Service, otherwise: Value, looking: Promise<Value>): Promise<Value> => {
    try {
      return await looking;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      failures.push({ service, error });
      return otherwise;
    }
  };
  const [subdomain, queues, database, worker] = await Promise.all([
    of("Workers Scripts", null, findSubdomain(api, account)),
    of("Queues", new Map<string, Queue>(), findQueues(api, account, configuration)),
    of("D1", null, findDatabase(api, account, configuration)),
    of("Workers Scripts", null, findWorker(api, account, configuration.worker)),
  ]);
  return { subdomain, queues, database, worker, failures };
}

async function findSubdomain(api: Api, account: string): Promise<string | null> {
  const found = await api.find(
    `${account}/workers/subdomain`,
    z.object({ subdomain: z.string().nullish() }).nullable(),
  );
  return found?.subdomain || null;
}

const consumer = z
  .object({
    consumer_id: z.string(),
    script: z.string().nullish(),
    script_name: z.string().nullish(),
    service: z.string().nullish(),
    dead_letter_queue: z.string().nullish(),
  })
  .transform((given): Consumer => ({
    id: given.consumer_id,
    worker: given.script ?? given.script_name ?? given.service ?? null,
    deadLetterQueue: given.dead_letter_queue === undefined ? undefined : given.dead_letter_queue || null,
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
  .transform((given): Queue => ({
    id: given.queue_id,
    name: given.queue_name,
    jurisdiction: given.jurisdiction ?? null,
    producers: given.producers ?? null,
    consumers: given.consumers ?? null,
    backlog: null,
  }));

/** The backlog is asked for of those alone that are in another jurisdiction. */
export async function findQueues(
  api: Api,
  account: string,
  { queues, jurisdiction }: Pick<Configuration, "queues" | "jurisdiction">,
): Promise<Map<string, Queue>> {
  const names = queues.map(({ name }) => name);
  const all = (await api.list(`${account}/queues`, queue)).filter(({ name }) => names.includes(name));
  const counted = all.map(async (one): Promise<[string, Queue]> => {
    if (one.jurisdiction === jurisdiction) return [one.name, one];
    const metrics = await ifTold(
      api.get(`${account}/queues/${one.id}/metrics`, z.object({ backlog_count: z.number() })),
    );
    return [one.name, { ...one, backlog: metrics?.backlog_count ?? null }];
  });
  return new Map(await Promise.all(counted));
}

const databaseRow = z.object({ uuid: z.string(), name: z.string(), jurisdiction: z.string().nullish() });

export async function findDatabase(
  api: Api,
  account: string,
  { database: { name, databaseId } }: Pick<Configuration, "database">,
): Promise<Database | null> {
  const databases = `${account}/d1/database`;
  const found =
    databaseId === null
      ? (await api.list(databases, databaseRow, { name })).find((one) => one.name === name)
      : await api.find(`${databases}/${databaseId}`, databaseRow);
  if (!found) return null;
  const { uuid: id, jurisdiction = null } = found;
  const rows = (await rowsOf(api, account, id, appliedMigrationsSql, z.object({ name: z.string() }))) ?? [];
  return { id, jurisdiction, appliedMigrations: rows.map((row) => row.name) };
}

/** File names of those that the database lacks, in their order. */
export function missingMigrations(
  { database: { migrations } }: Pick<Configuration, "database">,
  database: Database | null,
): string[] {
  return migrations.filter((name) => database?.appliedMigrations.includes(name) !== true);
}

/** What a reading statement finds; null while the table is not there. */
export async function rowsOf<Schema extends z.ZodType>(
  api: Api,
  account: string,
  databaseId: string,
  sql: string,
  row: Schema,
): Promise<z.output<Schema>[] | null> {
  try {
    const answer = z.array(z.object({ results: z.array(row) })).min(1);
    const [result] = await api.query(`${account}/d1/database/${databaseId}/query`, { sql }, answer);
    return result?.results ?? [];
  } catch (error) {
    if (error instanceof ApiError && error.message.includes("no such table")) return null;
    throw error;
  }
}

const deployments = z.object({
  deployments: z.array(
    z.object({
      created_on: z.string().nullish(),
      versions: z.array(z.object({ version_id: z.string(), percentage: z.number().default(100) })).default([]),
    }),
  ),
});

async function findWorker(api: Api, account: string, name: string): Promise<Worker | null> {
  const script = `${account}/workers/scripts/${name}`;
  const secrets = await api.find(`${script}/secrets`, z.array(z.object({ name: z.string() })));
  if (secrets === null) return null;
  const [deployed, schedules, subdomain, settings] = await Promise.all([
    api.find(`${script}/deployments`, deployments),
    ifTold(api.get(`${script}/schedules`, z.object({ schedules: z.array(z.object({ cron: z.string() })) }))),
    ifTold(api.get(`${script}/subdomain`, z.object({ enabled: z.boolean() }))),
    api.find(`${script}/settings`, settingsOfScript),
  ]);
  return {
    secrets: secrets.map((secret) => secret.name),
    deployment: newest(deployed?.deployments ?? []),
    crons: schedules?.schedules.map(({ cron }) => cron) ?? null,
    isOnWorkersDev: subdomain?.enabled ?? null,
    databaseId: settings?.bindings.find(({ type }) => type === "d1")?.id ?? null,
  };
}

const settingsOfScript = z.object({ bindings: z.array(z.object({ type: z.string(), id: z.string().optional() })) });

/** Nothing is decided by these alone: what Cloudflare does not say is reported as not known. */
async function ifTold<Value>(asking: Promise<Value>): Promise<Value | null> {
  try {
    return await asking;
  } catch (error) {
    if (error instanceof ApiError) return null;
    throw error;
  }
}

function newest(all: z.output<typeof deployments>["deployments"]): Deployment | null {
  const [latest] = all.toSorted((one, other) => (other.created_on ?? "").localeCompare(one.created_on ?? ""));
  const [version] = latest?.versions.toSorted((one, other) => other.percentage - one.percentage) ?? [];
  return version === undefined ? null : { versionId: version.version_id, createdAt: latest?.created_on ?? null };
}
