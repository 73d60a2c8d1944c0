import { z } from "zod";
import { anyDestinationSql } from "../../store/migrations.ts";
import { Fault } from "../fault.ts";
import type { Account, AccountContext } from "./account.ts";
import { type ApiError, type CloudflareApi, Refusal } from "./cloudflare-api.ts";
import type { Configuration } from "./configuration.ts";
import { RUN_AGAIN } from "./context.ts";
import type { GivenSecrets } from "./secrets.ts";
import {
  type LookUpFailure,
  type Queue,
  type Service,
  type Survey,
  type Surveyed,
  findQueues,
  look,
  rowsOf,
  services,
} from "./survey.ts";

/** What prevents a deployment. */
export interface Problems {
  /** Services that the token may not change, or not even see. */
  readonly lacking: readonly Service[];
  /** All problems in sentences, each with its remedy. */
  readonly sentences: readonly string[];
}

export async function findProblems(
  { api, id, name }: Account,
  { configuration, found }: { configuration: Configuration; found: Surveyed },
): Promise<Problems> {
  const unseen = found.failures.filter(({ error }) => isPermissionMissing(error));
  const unanswered = found.failures.filter(({ error }) => !isPermissionMissing(error));
  const refusals = [...unseen, ...(await refusalsOfChanges(api, configuration))];
  const lacking = services.filter((service) => isAmong(service, refusals));
  const [refusal] = unseen;
  const seesNothing = name === null && services.every((service) => isAmong(service, unseen));
  return {
    lacking,
    sentences: [
      ...(seesNothing && refusal !== undefined
        ? [unreachedAccount(id, refusal.error)]
        : permissionProblem(lacking, id)),
      ...new Set(unanswered.map((failure) => `${couldNotLook(failure)} ${lookUpRemedy(failure)}`)),
      ...(found.failures.length > 0 ? [] : problemsOfAccount(id, configuration, found)),
    ],
  };
}

function isAmong(service: Service, failures: readonly LookUpFailure[]): boolean {
  return failures.some((failure) => failure.service === service);
}

export function couldNotLook({ service, error }: LookUpFailure): string {
  return `${service} could not be looked up: ${error.message}.`;
}

export function lookUpRemedy({ service, error }: LookUpFailure): string {
  return isPermissionMissing(error) ? `Give the token ${service}:Read.` : "Run it again.";
}

function isPermissionMissing(error: unknown): error is Refusal {
  return error instanceof Refusal && error.isPermissionMissing;
}

function unreachedAccount(accountId: string, { message }: ApiError): string {
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
 * Only a change shows what the token may change. Each of these changes something that cannot exist: the answer is 404, or
 * 401 or 403 without the permission. Any other answer says nothing.
 */
async function refusalsOfChanges(api: CloudflareApi, { worker }: Configuration): Promise<LookUpFailure[]> {
  const paths: Readonly<Record<Service, string>> = {
    "Workers Scripts": `/workers/scripts/${worker}-permission-check/script-settings`,
    D1: "/d1/database/00000000-0000-0000-0000-000000000000",
    Queues: "/queues/00000000000000000000000000000000",
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
  // A queue and its dead-letter queue must be in one jurisdiction. All of them in another one work.
  const isMixed = outside.length > 0 && outside.length < configuration.queues.length;
  if (isMixed && !mayReplaceQueues(configuration, found)) problems.push(...describeOutside(configuration, found));
  return problems;
}

export function queuesOutside({ jurisdiction }: Pick<Configuration, "jurisdiction">, found: Survey): Queue[] {
  return [...found.queues.values()].filter((queue) => queue.jurisdiction !== jurisdiction);
}

/** A sentence when the database is in another jurisdiction. */
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
 * Whether the queues in another jurisdiction hold nothing that counts. A relay without tables acknowledges an event only by
 * the queue, which is then not empty. A relay without Qonto's secrets acknowledges nothing.
 */
export function mayReplaceQueues(configuration: Configuration, found: Survey): boolean {
  if (found.database !== null && found.database.appliedMigrations.length > 0) return false;
  const acceptsEvents = found.worker?.secrets.some((name) => name.startsWith("QONTO_")) !== false;
  return queuesOutside(configuration, found).every(({ backlog, producers, consumers }) => {
    const isOurs =
      producers?.every((producer) => producer === configuration.worker) === true &&
      consumers?.every(({ worker }) => worker === configuration.worker) === true;
    return isOurs && (backlog === null ? !acceptsEvents : backlog === 0);
  });
}

/** A sentence when queues are in another jurisdiction. */
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

/** Looks at the queues again: one may have been filled while questions were answered and the Worker was built. */
export async function refuseFilledQueues(before: Survey, context: AccountContext): Promise<void> {
  const { account, configuration } = context;
  const looking = findQueues(account.api, configuration);
  const queues = await look("looking at the queues", looking, "The queues could not be looked up", context);
  const found = { ...before, queues };
  if (mayReplaceQueues(configuration, found)) return;
  throw new Fault(describeOutside(configuration, found).join("\n"), { remedy: RUN_AGAIN });
}

/** New keys would not decrypt what those of a deleted Worker have encrypted. */
export async function refuseLostKeys(
  { worker, database }: Survey,
  { ofFile, ofEnvironment }: GivenSecrets,
  context: AccountContext,
): Promise<void> {
  const hasKeys = worker?.secrets.some((name) => name === "ENCRYPTION_KEYS" || name === "ADMIN_TOKEN") === true;
  if (hasKeys || database === null || (ofFile.ENCRYPTION_KEYS ?? ofEnvironment.ENCRYPTION_KEYS) !== undefined) return;
  const looking = rowsOf(context.account.api, database.id, anyDestinationSql, z.unknown());
  const doubt = "Whether the database holds destinations, Cloudflare does not say";
  const rows = await look("looking for destinations", looking, doubt, context);
  if (rows === null || rows.length === 0) return;
  throw new Fault(
    "The database holds destinations whose secrets earlier keys have encrypted, and no Worker has these keys.",
    {
      remedy:
        "Give ENCRYPTION_KEYS in the environment or with --secrets-file. If the earlier relay had none, give its ADMIN_TOKEN as " +
        "ENCRYPTION_KEYS.",
    },
  );
}
