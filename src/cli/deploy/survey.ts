import { z } from "zod";
import { appliedMigrationsSql } from "../../store/migrations.ts";
import { Fault } from "../fault.ts";
import type { Account } from "./account.ts";
import { type ApiError, type CloudflareApi, onApiError } from "./cloudflare-api.ts";
import type { Configuration } from "./configuration.ts";
import { type Context, RUN_AGAIN, withNotes } from "./context.ts";

/** What an account has of a deployment. */
export interface Survey {
  /** The account's workers.dev subdomain; null while it has none. */
  readonly subdomain: string | null;
  /** Of those in wrangler.toml, the ones that exist. */
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
  /** Messages in it; null where that was not asked, or Cloudflare does not say. */
  readonly backlog: number | null;
}

interface Consumer {
  readonly id: string;
  /** Null for a consumer that is no Worker. */
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
  /** The database that it is bound to. */
  readonly databaseId: string | null;
}

interface Deployment {
  /** The version that gets all or most of its requests. */
  readonly versionId: string;
  readonly createdAt: string | null;
}

/** Parts of an account. Each is also the name of the permission that a token needs for it. */
export const services = ["Workers Scripts", "D1", "Queues"] as const;

export type Service = (typeof services)[number];

/** Why a part of an account could not be looked at. */
export interface LookUpFailure {
  readonly service: Service;
  readonly error: ApiError;
}

export interface Surveyed extends Survey {
  /** What could not be looked at counts as missing. */
  readonly failures: readonly LookUpFailure[];
}

/** Looks at everything at once. */
export async function survey({ api }: Pick<Account, "api">, configuration: Configuration): Promise<Surveyed> {
  const failures: LookUpFailure[] = [];
  const of = <Value, Otherwise>(service: Service, otherwise: Otherwise, looking: Promise<Value>) =>
    onApiError(looking, (error) => {
      failures.push({ service, error });
      return otherwise;
    });
  const [subdomain, queues, database, worker] = await Promise.all([
    of("Workers Scripts", null, findSubdomain(api)),
    of("Queues", new Map<string, Queue>(), findQueues(api, configuration)),
    of("D1", null, findDatabase(api, configuration)),
    of("Workers Scripts", null, findWorker(api, configuration.worker)),
  ]);
  return { subdomain, queues, database, worker, failures };
}

/** Waits for one look. Its failure ends the run with `failure` and the reason. */
export function look<Value>(
  what: string,
  looking: Promise<Value>,
  failure: string,
  context: Pick<Context, "say" | "world">,
): Promise<Value> {
  return onApiError(withNotes(what, looking, context), ({ message }) => {
    throw new Fault(`${failure}: ${message}.`, { remedy: RUN_AGAIN });
  });
}

async function findSubdomain(api: CloudflareApi): Promise<string | null> {
  const found = await api.find("/workers/subdomain", z.object({ subdomain: z.string().nullish() }).nullable());
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

/** The backlog is looked up only for queues in another jurisdiction. */
export async function findQueues(
  api: CloudflareApi,
  { queues, jurisdiction }: Pick<Configuration, "queues" | "jurisdiction">,
): Promise<Map<string, Queue>> {
  const names = queues.map(({ name }) => name);
  const all = (await api.list("/queues", queue)).filter(({ name }) => names.includes(name));
  const counted = all.map(async (one): Promise<[string, Queue]> => {
    if (one.jurisdiction === jurisdiction) return [one.name, one];
    const metrics = await orNull(api.get(`/queues/${one.id}/metrics`, z.object({ backlog_count: z.number() })));
    return [one.name, { ...one, backlog: metrics?.backlog_count ?? null }];
  });
  return new Map(await Promise.all(counted));
}

const databaseRow = z.object({ uuid: z.string(), name: z.string(), jurisdiction: z.string().nullish() });

export async function findDatabase(
  api: CloudflareApi,
  { database: { name, databaseId } }: Pick<Configuration, "database">,
): Promise<Database | null> {
  const found =
    databaseId === null
      ? (await api.list("/d1/database", databaseRow, { name })).find((one) => one.name === name)
      : await api.find(`/d1/database/${databaseId}`, databaseRow);
  if (!found) return null;
  const { uuid: id, jurisdiction = null } = found;
  const rows = (await rowsOf(api, id, appliedMigrationsSql, z.object({ name: z.string() }))) ?? [];
  return { id, jurisdiction, appliedMigrations: rows.map((row) => row.name) };
}

/** File names, in their order. */
export function missingMigrations(
  { database: { migrations } }: Pick<Configuration, "database">,
  database: Database | null,
): string[] {
  return migrations.filter((name) => database?.appliedMigrations.includes(name) !== true);
}

/** The rows of a query; null while the table does not exist. */
export async function rowsOf<Schema extends z.ZodType>(
  api: CloudflareApi,
  databaseId: string,
  sql: string,
  row: Schema,
): Promise<z.output<Schema>[] | null> {
  const answer = z.array(z.object({ results: z.array(row) })).min(1);
  return onApiError(
    api.query(`/d1/database/${databaseId}/query`, { sql }, answer).then(([result]) => result?.results ?? []),
    (error) => {
      if (error.message.includes("no such table")) return null;
      throw error;
    },
  );
}

const deployments = z.object({
  deployments: z.array(
    z.object({
      created_on: z.string().nullish(),
      versions: z.array(z.object({ version_id: z.string(), percentage: z.number().default(100) })).default([]),
    }),
  ),
});

async function findWorker(api: CloudflareApi, name: string): Promise<Worker | null> {
  const script = `/workers/scripts/${name}`;
  const secrets = await api.find(`${script}/secrets`, z.array(z.object({ name: z.string() })));
  if (secrets === null) return null;
  const [deployed, schedules, subdomain, settings] = await Promise.all([
    api.find(`${script}/deployments`, deployments),
    orNull(api.get(`${script}/schedules`, z.object({ schedules: z.array(z.object({ cron: z.string() })) }))),
    orNull(api.get(`${script}/subdomain`, z.object({ enabled: z.boolean() }))),
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

/** For facts that decide nothing: what Cloudflare does not say is reported as unknown. */
function orNull<Value>(asking: Promise<Value>): Promise<Value | null> {
  return onApiError(asking, () => null);
}

function newest(all: z.output<typeof deployments>["deployments"]): Deployment | null {
  const [latest] = all.toSorted((one, other) => (other.created_on ?? "").localeCompare(one.created_on ?? ""));
  const [version] = latest?.versions.toSorted((one, other) => other.percentage - one.percentage) ?? [];
  return version === undefined ? null : { versionId: version.version_id, createdAt: latest?.created_on ?? null };
}
