import { Fault } from "../fault.ts";
import { WEBHOOK_PATH } from "../webhook.ts";
import type { AccountContext } from "./account.ts";
import type { Configuration } from "./configuration.ts";
import { unfinished, withNotes } from "./context.ts";
import { mayReplaceQueues, queuesOutside, refuseFilledQueues } from "./preconditions.ts";
import { type GivenSecrets, type Secrets, planSecrets, sayMade, sayMissing } from "./secrets.ts";
import { inspect, sayNotes } from "./status.ts";
import { type Upload, applyMigrations, build, createDatabase, createQueue, deleteQueue, upload } from "./steps.ts";
import { type Service, type Survey, missingMigrations, survey } from "./survey.ts";

/**
 * Migrates before it deploys: new code never meets an old schema. Creates queues and the database itself, because `wrangler
 * deploy` would choose no jurisdiction.
 */
export async function deploy(found: Survey, given: GivenSecrets, context: AccountContext): Promise<void> {
  const { account, configuration, say } = context;
  const { toSet, made } = await planSecrets(found.worker?.secrets ?? [], given, context);
  await build(context);
  const queues = planQueues(configuration, found);
  if (queues.toDelete.length > 0) await refuseFilledQueues(found, context);
  for (const queue of queues.toDelete) await deleteQueue(queue, context);
  for (const name of queues.toCreate) await createQueue(name, context);
  if (found.database === null) await createDatabase(context);
  await applyMigrations(found, context);
  sayMade(made, context);
  const uploaded = await upload(toSet, context);
  const after = await verify(found, uploaded, made, context);
  say("Deployed the Worker.");
  sayMissing(after.worker?.secrets ?? [], context);
  const address =
    addressOf(uploaded.targets) ?? addressUnderWorkersDev(after, configuration) ?? "https://<its address>";
  say(`\n${nextCommands(address)}`);
  const { claim } = account;
  if (claim !== null) say(`\nThe account is temporary. Claim it before ${claim.expiresAt} at ${claim.url}`);
}

/** `--dry-run`: says what a deployment would do. */
export async function showPlan(found: Survey, given: GivenSecrets, context: AccountContext): Promise<void> {
  const { configuration, say } = context;
  const { database, jurisdiction, worker } = configuration;
  await build(context);
  const existing = found.worker?.secrets ?? [];
  const { toSet, made } = await planSecrets(existing, given, { ...context, questions: null });
  const queues = planQueues(configuration, found);
  for (const { name } of queues.toDelete) say(`Would delete the queue ${name}, which holds nothing that counts.`);
  for (const name of queues.toCreate) say(`Would create the queue ${name}, jurisdiction ${jurisdiction}.`);
  if (found.database === null) say(`Would create the database ${database.name}, jurisdiction ${jurisdiction}.`);
  for (const name of missingMigrations(configuration, found.database)) say(`Would apply ${name}.`);
  for (const name of Object.keys(toSet)) say(`Would ${name in made ? "make" : "set"} ${name}.`);
  say(found.worker === null ? "Would deploy the Worker." : `Would replace the Worker ${worker} that is there.`);
  sayMissing([...existing, ...Object.keys(toSet)], context);
}

/** Empty queues in another jurisdiction are deleted, and created again. */
function planQueues(configuration: Configuration, found: Survey) {
  const toDelete = mayReplaceQueues(configuration, found) ? queuesOutside(configuration, found) : [];
  const isToCreate = (name: string) => !found.queues.has(name) || toDelete.some((queue) => queue.name === name);
  return { toDelete, toCreate: configuration.queues.map(({ name }) => name).filter(isToCreate) };
}

/**
 * Deploys from a build whose token may not see the database or the queues. Until they are right the Worker refuses events: it
 * checks the schema itself.
 */
export async function deployWorkerAlone(
  lacking: readonly Service[],
  { ofFile }: GivenSecrets,
  isDryRun: boolean,
  context: AccountContext,
): Promise<void> {
  const { say } = context;
  const names = lacking.map((service) => `${service}:Edit`).join(" and ");
  say(`The token of this build lacks ${names}: the Worker alone ${isDryRun ? "would be" : "is"} deployed.`);
  if (isDryRun) return build(context);
  const { succeeded, reason } = await upload(ofFile, context);
  if (!succeeded) throw unfinished(`The deployment did not come to its end${reason}.`);
  say(
    "Deployed the Worker. Its /health says what it lacks: run `npm run deploy` once from your machine, or give the build " +
      "a token with these permissions.",
  );
}

/** Cloudflare's lists lag some seconds behind a change. */
const LOOK_AGAIN_AFTER_MS = [2_000, 5_000];

/** Looks at what is deployed. Throws what is missing or wrong. */
async function verify(before: Survey, uploaded: Upload, made: Secrets, context: AccountContext): Promise<Survey> {
  const { account, configuration, world } = context;
  const look = async () => {
    const found = await withNotes("looking at what was deployed", survey(account, configuration), context);
    return { found, isLive: isLive(before, found, uploaded), ...inspect(configuration, found) };
  };
  let looked = await look();
  for (const waitMs of LOOK_AGAIN_AFTER_MS) {
    if (looked.found.failures.length === 0 && looked.isLive && looked.missing.length === 0) break;
    await world.wait(waitMs);
    looked = await look();
  }
  const { found, missing, wrong } = looked;
  const [failure] = found.failures;
  if (failure !== undefined) {
    const state = uploaded.succeeded ? "The Worker is deployed" : `The deployment failed${uploaded.reason}`;
    throw unfinished(`${state}; Cloudflare does not say what came of it: ${failure.error.message}.`);
  }
  if (!looked.isLive) {
    const left = before.worker === null ? "Nothing was uploaded" : "What was deployed before runs on";
    const hasShownSecrets = Object.keys(made).length > 0;
    const hint = " Keep the secrets shown above until a run succeeds: the next one may make others.";
    throw unfinished(`The Worker was not deployed${uploaded.reason}. ${left}.${hasShownSecrets ? hint : ""}`);
  }
  if (missing.length > 0) {
    const sentence = `The Worker is live, but without ${missing.join(", ")}${uploaded.reason}.`;
    throw unfinished([sentence, ...wrong].join("\n"));
  }
  if (wrong.length > 0) {
    throw new Fault(["The Worker is live.", ...wrong].join("\n"), { remedy: "Do that, then run it again." });
  }
  if (!uploaded.succeeded) {
    throw unfinished(`The Worker is live, but not all of its settings were changed${uploaded.reason}.`);
  }
  sayNotes(looked, context);
  return found;
}

/** When the upload's answer was lost, the list of deployments decides: an uploaded version need not be live. */
function isLive(before: Survey, { worker }: Survey, { succeeded }: Upload): boolean {
  if (worker === null) return false;
  if (succeeded) return true;
  const { deployment } = worker;
  return deployment === null ? before.worker === null : deployment.versionId !== before.worker?.deployment?.versionId;
}

/** A custom domain before one under workers.dev. */
export function addressOf(targets: readonly string[]): string | undefined {
  const [own] = targets.flatMap((target) => /^([\w.-]+) \(custom domain/.exec(target)?.[1] ?? []);
  return own === undefined ? targets.find((target) => target.startsWith("https://")) : `https://${own}`;
}

/** For a run of wrangler that left no record of its targets. */
function addressUnderWorkersDev({ subdomain }: Survey, { isOnWorkersDev, worker }: Configuration): string | undefined {
  return isOnWorkersDev && subdomain !== null ? `https://${worker}.${subdomain}.workers.dev` : undefined;
}

function nextCommands(address: string): string {
  const webhook = address + WEBHOOK_PATH;
  return `Qonto's webhooks go to ${webhook}

  npm run qonto -- subscriptions create --url ${webhook} --all-types
  npm run qonto -- doctor --url ${address}  # in a minute: the cron has run by then`;
}
