import { z } from "zod";
import { anyDestinationSql } from "../../store/migrations.ts";
import { Fault } from "../fault.ts";
import type { Account, AccountContext } from "./account.ts";
import { type CloudflareApi, onApiError } from "./cloudflare-api.ts";
import type { Configuration } from "./configuration.ts";
import { unfinished } from "./context.ts";
import type { GivenSecrets } from "./secrets.ts";
import {
  type LookUpFailure,
  type Queue,
  type Service,
  type Survey,
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
  configuration: Configuration,
  found: Survey,
): Promise<Problems> {
  const unseen = found.failures.filter(({ error }) => error.isPermissionMissing);
  const unanswered = found.failures.filter(({ error }) => !error.isPermissionMissing);
  const isUnseen = (service: Service) => unseen.some((failure) => failure.service === service);
  const unchangeable = await servicesNotToChange(api, configuration);
  const lacking = services.filter((service) => isUnseen(service) || unchangeable.includes(service));
  const sentences: string[] = [];
  const [refusal] = unseen;
  if (name === null && services.every(isUnseen) && refusal !== undefined) {
    sentences.push(
      `The token does not reach the account ${id}: ${refusal.error.message}. Check the token and CLOUDFLARE_ACCOUNT_ID.`,
    );
  } else if (lacking.length > 0) {
    const names = lacking.map((service) => `${service}:Edit`).join(", ");
    sentences.push(
      `The token lacks ${names} in the account ${id}. Give it that (dash.cloudflare.com, My Profile, API Tokens), or unset ` +
        "CLOUDFLARE_API_TOKEN and log in with `npx wrangler login`.",
    );
  }
  sentences.push(...new Set(unanswered.map((failure) => `${couldNotLook(failure)} ${lookUpRemedy(failure)}`)));
  if (found.failures.length === 0) sentences.push(...problemsOfAccount(id, configuration, found));
  return { lacking, sentences };
}

export function couldNotLook({ service, error }: LookUpFailure): string {
  return `${service} could not be looked up: ${error.message}.`;
}

export function lookUpRemedy({ service, error }: LookUpFailure): string {
  return error.isPermissionMissing ? `Give the token ${service}:Read.` : "Run it again.";
}

/**
 * Only a change shows what the token may change. Each of these changes something that cannot exist: the answer is 404, or
 * 401 or 403 without the permission. Any other answer says nothing.
 */
async function servicesNotToChange(api: CloudflareApi, { worker }: Configuration): Promise<Service[]> {
  const paths: Readonly<Record<Service, string>> = {
    "Workers Scripts": `/workers/scripts/${worker}-permission-check/script-settings`,
    D1: "/d1/database/00000000-0000-0000-0000-000000000000",
    Queues: "/queues/00000000000000000000000000000000",
  };
  const tried = await Promise.all(
    services.map(async (service) => {
      const changing = api.change("PATCH", paths[service], {}).then(() => []);
      return onApiError(changing, (error) => (error.isPermissionMissing ? [service] : []));
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
  problems.push(...describeDatabaseOutside(configuration, found));
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
  if (isMixed && !mayReplaceQueues(configuration, found)) problems.push(...describeQueuesOutside(configuration, found));
  return problems;
}

export function queuesOutside({ jurisdiction }: Configuration, found: Survey): Queue[] {
  return [...found.queues.values()].filter((queue) => queue.jurisdiction !== jurisdiction);
}

/** A sentence when the database is in another jurisdiction. */
export function describeDatabaseOutside({ database, jurisdiction }: Configuration, found: Survey): string[] {
  if (found.database === null || found.database.jurisdiction === jurisdiction) return [];
  const actual = found.database.jurisdiction;
  const where = actual === null ? "in no jurisdiction" : `in the jurisdiction ${actual}`;
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
export function describeQueuesOutside(configuration: Configuration, found: Survey): string[] {
  const outside = queuesOutside(configuration, found);
  if (outside.length === 0) return [];
  const where = outside.map((queue) => withJurisdiction(queue.name, queue.jurisdiction)).join(", ");
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

export function withJurisdiction(name: string, jurisdiction: string | null): string {
  return `${name} (${jurisdiction ?? "no jurisdiction"})`;
}

/** Looks at the queues again: one may have been filled while questions were answered and the Worker was built. */
export async function refuseFilledQueues(before: Survey, context: AccountContext): Promise<void> {
  const { account, configuration } = context;
  const looking = findQueues(account.api, configuration);
  const queues = await look("looking at the queues", looking, "The queues could not be looked up", context);
  const found = { ...before, queues };
  if (mayReplaceQueues(configuration, found)) return;
  throw unfinished(describeQueuesOutside(configuration, found).join("\n"));
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
  if (rows.length === 0) return;
  throw new Fault(
    "The database holds destinations whose secrets earlier keys have encrypted, and no Worker has these keys.",
    {
      remedy:
        "Give ENCRYPTION_KEYS in the environment or with --secrets-file. If the earlier relay had none, give its ADMIN_TOKEN as " +
        "ENCRYPTION_KEYS.",
    },
  );
}
