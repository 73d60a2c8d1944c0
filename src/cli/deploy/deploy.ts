import { z } from "zod";
import { anyDestinationSql } from "../../store/migrations.ts";
import { Fault } from "../fault.ts";
import { ApiError } from "./api.ts";
import { withNotes } from "./context.ts";
import { type Inspection, inspect } from "./inspect.ts";
import { planOf } from "./plan.ts";
import { describeOutside, mayReplaceQueues } from "./preconditions.ts";
import { type GivenSecrets, describeMade, describeMissing, planSecrets } from "./secrets.ts";
import {
  AGAIN,
  type Step,
  type Upload,
  applyMigrations,
  build,
  createDatabase,
  createQueue,
  deleteQueue,
  upload,
} from "./steps.ts";
import { type Service, type Survey, findQueues, rowsOf, survey } from "./survey.ts";

/** New code never meets an old schema; what is missing is created first, for `wrangler deploy` would not ask where. */
export async function deploy(found: Survey, given: GivenSecrets, step: Step): Promise<void> {
  const { account, configuration, context } = step;
  const { say } = context;
  const { toSet, made } = await planSecrets(found.worker?.secrets ?? [], given, context);
  await build(step);
  const plan = planOf(configuration, found);
  if (plan.queuesToDelete.length > 0) await refuseFilledQueues(found, step);
  for (const queue of plan.queuesToDelete) await deleteQueue(queue, step);
  for (const name of plan.queuesToCreate) await createQueue(name, step);
  if (plan.createsDatabase) await createDatabase(step);
  await applyMigrations(found, step);
  const told = describeMade(made);
  if (told !== "") say(`\n${told}\n`);
  const uploaded = await upload(toSet, step);
  const after = await lookAt(found, uploaded, { ...step, isToldSecrets: told !== "" });
  say("Deployed the Worker.");
  const address = addressOf(uploaded.targets) ?? addressUnderWorkersDev(after, step) ?? "https://<its address>";
  const { claim } = account;
  for (const paragraph of [describeMissing(after.worker?.secrets ?? [], claim !== null), nextCommands(address)]) {
    if (paragraph !== "") say(`\n${paragraph}`);
  }
  if (claim !== null) say(`\nThe account is temporary. Claim it before ${claim.expiresAt} at ${claim.url}`);
}

/** Since the first look questions were answered and the Worker was built: a queue may have taken something meanwhile. */
async function refuseFilledQueues(found: Survey, { account, configuration, context }: Step): Promise<void> {
  const looking = findQueues(account.api, account.path, configuration);
  const queues = await withNotes("looking at the queues", looking, context).catch((error: unknown) => {
    if (!(error instanceof ApiError)) throw error;
    throw new Fault(`The queues could not be looked up: ${error.message}.`, { remedy: AGAIN });
  });
  if (!mayReplaceQueues(configuration, { ...found, queues })) {
    throw new Fault(describeOutside(configuration, { ...found, queues }).join("\n"), { remedy: AGAIN });
  }
}

/** New keys would not decrypt what those of a Worker that was deleted have encrypted. */
export async function refuseLostKeys(
  { worker, database }: Survey,
  { ofFile, ofEnvironment }: GivenSecrets,
  { account, context }: Step,
): Promise<void> {
  const hasKeys = worker?.secrets.some((name) => name === "ENCRYPTION_KEYS" || name === "ADMIN_TOKEN") === true;
  if (hasKeys || database === null || (ofFile.ENCRYPTION_KEYS ?? ofEnvironment.ENCRYPTION_KEYS) !== undefined) return;
  const looking = rowsOf(account.api, account.path, database.id, anyDestinationSql, z.unknown());
  const rows = await withNotes("looking for destinations", looking, context).catch((error: unknown) => {
    if (!(error instanceof ApiError)) throw error;
    throw new Fault(`Whether the database holds destinations, Cloudflare does not say: ${error.message}.`, {
      remedy: AGAIN,
    });
  });
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

/**
 * What a build can do whose token may not see the database or the queues. Until they are right the relay refuses events: the
 * schema is checked by the Worker itself.
 */
export async function deployWorkerAlone(
  lacking: readonly Service[],
  { ofFile }: GivenSecrets,
  { isDryRun, ...step }: Step & { readonly isDryRun: boolean },
): Promise<void> {
  const { say } = step.context;
  const names = lacking.map((service) => `${service}:Edit`).join(" and ");
  say(`The token of this build lacks ${names}: the Worker alone ${isDryRun ? "would be" : "is"} deployed.`);
  if (isDryRun) return build(step);
  const { succeeded, reason } = await upload(ofFile, step);
  if (!succeeded) throw new Fault(`The deployment did not come to its end${reason}.`, { remedy: AGAIN });
  say(
    "Deployed the Worker. Its /health says what it lacks: run `npm run deploy` once from your machine, or give the build " +
      "a token with these permissions.",
  );
}

/** Cloudflare's lists can be some seconds behind what was just done. */
const LOOK_AGAIN_AFTER_MS = [2_000, 5_000];

/** Looks at the deployment. Throws what is missing or wrong: nothing went live, or it is live and not whole. */
async function lookAt(
  before: Survey,
  uploaded: Upload,
  { account, configuration, context, isToldSecrets }: Step & { readonly isToldSecrets: boolean },
): Promise<Survey> {
  const look = async () => {
    const looking = survey(account, configuration);
    const found = await withNotes("looking at what was deployed", looking, context);
    return { found, isLive: isLive(before, found, uploaded), ...inspect(configuration, found) };
  };
  let looked = await look();
  for (const waitMs of LOOK_AGAIN_AFTER_MS) {
    if (looked.found.failures.length === 0 && looked.isLive && looked.missing.length === 0) break;
    await context.world.wait(waitMs);
    looked = await look();
  }
  const { found, missing, wrong } = looked;
  const [failure] = found.failures;
  if (failure !== undefined) {
    const begun = uploaded.succeeded ? "The Worker is deployed" : `The deployment failed${uploaded.reason}`;
    throw new Fault(`${begun}; Cloudflare does not say what came of it: ${failure.error.message}.`, { remedy: AGAIN });
  }
  if (!looked.isLive) {
    const left = before.worker === null ? "Nothing was uploaded" : "What was deployed before runs on";
    const secrets = isToldSecrets
      ? " Keep the secrets shown above until a run succeeds: the next one may make others."
      : "";
    throw new Fault(`The Worker was not deployed${uploaded.reason}. ${left}.${secrets}`, { remedy: AGAIN });
  }
  if (missing.length > 0) {
    const sentence = `The Worker is live, but without ${missing.join(", ")}${uploaded.reason}.`;
    throw new Fault([sentence, ...wrong].join("\n"), { remedy: AGAIN });
  }
  if (wrong.length > 0) {
    throw new Fault(["The Worker is live.", ...wrong].join("\n"), { remedy: "Do that, then run it again." });
  }
  if (!uploaded.succeeded) {
    throw new Fault(`The Worker is live, but not all of its settings were changed${uploaded.reason}.`, {
      remedy: AGAIN,
    });
  }
  printNotes(looked, context.say);
  return found;
}

/** Where its answer was lost, what is listed decides: a version that was uploaded need not be live. */
function isLive(before: Survey, { worker }: Survey, { succeeded }: Upload): boolean {
  if (succeeded || worker === null) return worker !== null;
  const { deployment } = worker;
  return deployment === null ? before.worker === null : deployment.versionId !== before.worker?.deployment?.versionId;
}

/** What is no failure of this deployment. */
export function printNotes({ outside, unknown }: Inspection, say: (line: string) => void): void {
  for (const sentence of outside) say(sentence);
  if (unknown.length > 0) say(`Cloudflare does not say ${unknown.join(", ")}.`);
}

/** A domain of one's own rather than the one that Cloudflare lends. */
export function addressOf(targets: readonly string[]): string | undefined {
  const [own] = targets.flatMap((target) => /^([\w.-]+) \(custom domain/.exec(target)?.[1] ?? []);
  return own === undefined ? targets.find((target) => target.startsWith("https://")) : `https://${own}`;
}

/** What wrangler would have said, had its run ended well. */
function addressUnderWorkersDev({ subdomain }: Survey, { configuration }: Step): string | undefined {
  const { isOnWorkersDev, worker } = configuration;
  return isOnWorkersDev && subdomain !== null ? `https://${worker}.${subdomain}.workers.dev` : undefined;
}

function nextCommands(address: string): string {
  return `Qonto's webhooks go to ${address}/webhooks/qonto

  npm run qonto -- subscriptions create --url ${address}/webhooks/qonto --all-types
  npm run qonto -- doctor --url ${address}  # in a minute: the cron has run by then`;
}
