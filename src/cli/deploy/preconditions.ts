import type { Account } from "./account.ts";
import { type Api, type ApiError, Refusal } from "./api.ts";
import type { Configuration } from "./configuration.ts";
import { type LookUpFailure, type Queue, type Service, type Survey, type Surveyed, services } from "./survey.ts";

/** What stands in the way of a deployment. */
export interface Problems {
  /** What the token may not change, or not even see. */
  readonly lacking: readonly Service[];
  /** All of it in sentences, each with what to do about it. Empty when nothing stands in the way. */
  readonly sentences: readonly string[];
}

export async function findProblems(
  { api, id, path, name }: Account,
  { configuration, found }: { configuration: Configuration; found: Surveyed },
): Promise<Problems> {
  const unseen = refusalsIn(found.failures);
  const refusals = [...unseen, ...(await refusalsOfChanges(api, path, configuration))];
  const lacking = services.filter((service) => isAmong(service, refusals));
  const unanswered = found.failures.filter(({ error }) => !isPermissionMissing(error));
  const [refusal] = unseen;
  const isStranger = name === null && services.every((service) => isAmong(service, unseen));
  return {
    lacking,
    sentences: [
      ...(isStranger && refusal !== undefined ? [strangerProblem(id, refusal.error)] : permissionProblem(lacking, id)),
      ...new Set(unanswered.map(lookUpProblem)),
      ...(found.failures.length > 0 ? [] : problemsOfAccount(id, configuration, found)),
    ],
  };
}

function isAmong(service: Service, failures: readonly LookUpFailure[]): boolean {
  return failures.some((failure) => failure.service === service);
}

function lookUpProblem(failure: LookUpFailure): string {
  return `${couldNotLook(failure)} Run it again.`;
}

export function couldNotLook({ service, error }: LookUpFailure): string {
  return `${service} could not be looked up: ${error.message}.`;
}

function refusalsIn(failures: readonly LookUpFailure[]): LookUpFailure[] {
  return failures.filter(({ error }) => isPermissionMissing(error));
}

export function isPermissionMissing(error: unknown): error is Refusal {
  return error instanceof Refusal && error.isPermissionMissing;
}

function strangerProblem(accountId: string, { message }: ApiError): string {
  return `The token does not reach the account ${accountId}: ${message}. Check the token and CLOUDFLARE_ACCOUNT_ID.`;
}

function permissionProblem(lacking: readonly Service[], accountId: string): string[] {
  if (lacking.length === 0) return [];
  const names = lacking.map((service) => `${service}:Edit`).join(", ");
  return [
    `The token lacks ${names} in the account ${accountId}. Give it that (dash.cloudflare.com, My Profile, API Tokens), or unset ` +
      "CLOUDFLARE_API_TOKEN and log in with `npx wrangler login`.",
  ];
}

/**
 * What the token may not change. Nothing tells it but a change: each of these is one of something that cannot exist, so that
 * it is answered 404, or 401 or 403 without the permission. Another answer says nothing, and is not judged.
 */
async function refusalsOfChanges(api: Api, account: string, { worker }: Configuration): Promise<LookUpFailure[]> {
  const paths: Readonly<Record<Service, string>> = {
    "Workers Scripts": `${account}/workers/scripts/${worker}-permission-check/script-settings`,
    D1: `${account}/d1/database/00000000-0000-0000-0000-000000000000`,
    Queues: `${account}/queues/00000000000000000000000000000000`,
  };
  const tried = await Promise.all(
    services.map(async (service) => {
      const error = await api.change("PATCH", paths[service], {}).catch((failure: unknown) => failure);
      return isPermissionMissing(error) ? [{ service, error }] : [];
    }),
  );
  return tried.flat();
}

function problemsOfAccount(accountId: string, configuration: Configuration, found: Survey): string[] {
  const { database, isOnWorkersDev } = configuration;
  const problems: string[] = [];
  if (isOnWorkersDev && found.subdomain === null) {
    problems.push(
      "The account has no workers.dev subdomain. Choose one at " +
        `https://dash.cloudflare.com/${accountId}/workers/onboarding, or set \`routes\` in wrangler.toml.`,
    );
  }
  if (database.databaseId !== null && found.database === null) {
    problems.push(
      `wrangler.toml names the database ${database.databaseId}, which the account does not have. Take \`database_id\` out, or ` +
        "deploy to the account that has it.",
    );
  }
  problems.push(...databaseOutside(configuration, found));
  const boundTo = found.worker?.databaseId ?? null;
  if (boundTo !== null && boundTo !== found.database?.id && database.databaseId === null) {
    problems.push(
      `The Worker ${configuration.worker} is bound to another database than ${database.name}, and keeps that binding. To keep that ` +
        `database, put its id into wrangler.toml (\`database_id = "${boundTo}"\`). If it is gone for good, delete the Worker ` +
        "(`npx wrangler delete`; its secrets go with it) and run this again.",
    );
  }
  const outside = queuesOutside(configuration, found);
  // All of them elsewhere do their work; a queue and a dead-letter queue of two jurisdictions cannot be joined.
  const isMixed = outside.length > 0 && outside.length < configuration.queues.length;
  if (isMixed && !mayReplaceQueues(configuration, found)) problems.push(...describeOutside(configuration, found));
  return problems;
}

export function queuesOutside({ jurisdiction }: Pick<Configuration, "jurisdiction">, found: Survey): Queue[] {
  return [...found.queues.values()].filter((queue) => queue.jurisdiction !== jurisdiction);
}

/** A sentence, if the database keeps its data elsewhere than it should. */
export function databaseOutside({ database, jurisdiction }: Configuration, found: Survey): string[] {
  if (found.database === null || found.database.jurisdiction === jurisdiction) return [];
  const where = inJurisdiction(found.database.jurisdiction);
  const way =
    found.worker === null
      ? `Delete it if nobody needs it (\`npx wrangler d1 delete ${database.name}\`), or give \`database_name\` in wrangler.toml another ` +
        "name, without `database_id`."
      : `If nobody needs its events, delete it and the Worker (\`npx wrangler d1 delete ${database.name}\`, \`npx wrangler delete\`) and ` +
        "deploy again.";
  return [`The database ${database.name} is ${where}, not in ${jurisdiction}, and cannot be moved. ${way}`];
}

/**
 * Whether the queues that are elsewhere hold nothing that counts. Without tables a relay acknowledges an event only when D1 is
 * late and the queue takes it: then the queue is not empty. One without Qonto's secrets acknowledges nothing at all.
 */
export function mayReplaceQueues(configuration: Configuration, found: Survey): boolean {
  if (found.database !== null && found.database.appliedMigrations.length > 0) return false;
  const takesEvents = found.worker?.secrets.some((name) => name.startsWith("QONTO_")) !== false;
  return queuesOutside(configuration, found).every(({ backlog, producers, consumers }) => {
    const isOurs =
      producers?.every((producer) => producer === configuration.worker) === true &&
      consumers?.every(({ worker }) => worker === configuration.worker) === true;
    return isOurs && (backlog === null ? !takesEvents : backlog === 0);
  });
}

/** A sentence, if queues are elsewhere than they should be. Of a relay that has events, what they hold goes out first. */
export function describeOutside(configuration: Configuration, found: Survey): string[] {
  const outside = queuesOutside(configuration, found);
  if (outside.length === 0) return [];
  const where = outside.map((queue) => `${queue.name} (${queue.jurisdiction ?? "no jurisdiction"})`).join(", ");
  const which = `Queues that are not in ${configuration.jurisdiction}: ${where}.`;
  if (mayReplaceQueues(configuration, found)) {
    return [`${which} They hold nothing yet: \`npm run deploy\` creates them again.`];
  }
  const commands = outside.map(({ name }) => `\`npx wrangler queues delete ${name}\``).join(", ");
  return [
    `${which} They cannot be moved. When the dashboard shows that they are empty, delete all of them (${commands}) and run ` +
      "`npm run deploy` at once, which creates them again. What D1 records meanwhile goes out then.",
  ];
}

function inJurisdiction(jurisdiction: string | null): string {
  return jurisdiction === null ? "in no jurisdiction" : `in the jurisdiction ${jurisdiction}`;
}
