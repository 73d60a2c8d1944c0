import { type Api, Refusal } from "./api.ts";
import type { Configuration } from "./configuration.ts";
import { type Obstacle, type Queue, type Service, type Survey, services } from "./survey.ts";

/** What stands in the way of a deployment. */
export interface Problems {
  /** What the token may not change, or not even see. */
  readonly lacking: readonly Service[];
  /** All of it in sentences, each with what to do about it. Empty when nothing stands in the way. */
  readonly sentences: readonly string[];
}

export async function findProblems(
  api: Api,
  accountId: string,
  { configuration, found }: { configuration: Configuration; found: Survey & { obstacles: readonly Obstacle[] } },
): Promise<Problems> {
  const unseen = lackingIn(found.obstacles);
  const unchangeable = await lackingToEdit(api, accountId, configuration);
  const lacking = services.filter((service) => unseen.includes(service) || unchangeable.includes(service));
  const unanswered = found.obstacles.filter(({ error }) => !isPermissionMissing(error));
  return {
    lacking,
    sentences: [
      ...permissionProblem(lacking, accountId),
      ...unanswered.map(({ service, error }) => `${service} could not be looked up: ${error.message}. Run it again.`),
      ...(found.obstacles.length > 0 ? [] : problemsOfAccount(accountId, configuration, found)),
    ],
  };
}

function lackingIn(obstacles: readonly Obstacle[]): Service[] {
  return obstacles.filter(({ error }) => isPermissionMissing(error)).map(({ service }) => service);
}

function isPermissionMissing(error: unknown): boolean {
  return error instanceof Refusal && error.isPermissionMissing;
}

function permissionProblem(lacking: readonly Service[], accountId: string): string[] {
  if (lacking.length === 0) return [];
  const names = lacking.map((service) => `${service}:Edit`).join(", ");
  return [
    `The token lacks ${names} in the account ${accountId}. Give it that (dash.cloudflare.com, My Profile, API Tokens), or log in ` +
      "again with `npx wrangler login`.",
  ];
}

/**
 * What the token may not change. Nothing tells it but a change: each of these is one of something that cannot exist, so that
 * it is answered 404, or 401 or 403 without the permission. Another answer says nothing, and is not judged.
 */
async function lackingToEdit(api: Api, accountId: string, { worker }: Configuration): Promise<Service[]> {
  const account = `/accounts/${accountId}`;
  const paths: Readonly<Record<Service, string>> = {
    "Workers Scripts": `${account}/workers/scripts/${worker}-permission-check/script-settings`,
    D1: `${account}/d1/database/00000000-0000-0000-0000-000000000000`,
    Queues: `${account}/queues/00000000000000000000000000000000`,
  };
  const refused = await Promise.all(
    services.map((service) => api.change("PATCH", paths[service], {}).then(() => false, isPermissionMissing)),
  );
  return services.filter((_, index) => refused[index]);
}

function problemsOfAccount(accountId: string, configuration: Configuration, found: Survey): string[] {
  const { database, jurisdiction, isOnWorkersDev } = configuration;
  const problems: string[] = [];
  if (isOnWorkersDev && found.subdomain === null) {
    problems.push(
      "The account has no workers.dev subdomain. Choose one at " +
        `https://dash.cloudflare.com/${accountId}/workers/onboarding, or set \`routes\` in wrangler.toml.`,
    );
  }
  if (found.database !== null && found.database.jurisdiction !== jurisdiction) {
    problems.push(
      `The database ${database.name} is ${inJurisdiction(found.database.jurisdiction)}, not in ${jurisdiction}, and cannot be ` +
        `moved. Delete it if nobody needs it (\`npx wrangler d1 delete ${database.name}\`), or give \`database_name\` in ` +
        "wrangler.toml another name.",
    );
  }
  const boundTo = found.worker?.databaseId ?? null;
  if (boundTo !== null && boundTo !== found.database?.id) {
    problems.push(
      `The Worker ${configuration.worker} is bound to a database that is not ${database.name} any more, and keeps that binding. ` +
        `If what it held is gone for good, delete the Worker (\`npx wrangler delete\`; its secrets go with it) and run this again.`,
    );
  }
  const outside = queuesOutside(configuration, found);
  // All of them elsewhere do their work; a queue and a dead-letter queue of two jurisdictions cannot be joined.
  if (outside.length < configuration.queues.length && !mayReplaceQueues(found)) {
    problems.push(...outside.map((queue) => queueOutside(queue, jurisdiction)));
  }
  return problems;
}

export function queuesOutside({ jurisdiction }: Pick<Configuration, "jurisdiction">, found: Survey): Queue[] {
  return [...found.queues.values()].filter((queue) => queue.jurisdiction !== jurisdiction);
}

/** A relay whose database has never had its tables has acknowledged nothing: its queues hold nothing that counts. */
export function mayReplaceQueues({ database }: Survey): boolean {
  return database === null || database.appliedMigrations.length === 0;
}

/** The way out for a relay that has events: what its queues hold goes out first. */
export function queueOutside(queue: Pick<Queue, "name" | "jurisdiction">, jurisdiction: string): string {
  return (
    `The queue ${queue.name} is ${inJurisdiction(queue.jurisdiction)}, not in ${jurisdiction}, and cannot be moved. Once it is ` +
    `empty (\`npx wrangler queues info ${queue.name}\` says how it is used, the dashboard how full it is), delete it ` +
    `(\`npx wrangler queues delete ${queue.name}\`) and run \`npm run deploy\`, which makes it anew.`
  );
}

function inJurisdiction(jurisdiction: string | null): string {
  return jurisdiction === null ? "in no jurisdiction" : `in the jurisdiction ${jurisdiction}`;
}
