import { Fault } from "../fault.ts";
import type { AccountContext } from "./account.ts";
import { RUN_AGAIN, withNotes } from "./context.ts";
import { planOf } from "./plan.ts";
import { refuseFilledQueues } from "./preconditions.ts";
import { type GivenSecrets, describeMade, describeMissing, planSecrets } from "./secrets.ts";
import { inspect, printNotes } from "./status.ts";
import { type Upload, applyMigrations, build, createDatabase, createQueue, deleteQueue, upload } from "./steps.ts";
import { type Service, type Survey, survey } from "./survey.ts";

/**
 * Migrates before it deploys: new code never meets an old schema. Creates queues and the database itself, because `wrangler
 * deploy` would choose no jurisdiction.
 */
export async function deploy(found: Survey, given: GivenSecrets, context: AccountContext): Promise<void> {
  const { account, configuration, say } = context;
  const { toSet, made } = await planSecrets(found.worker?.secrets ?? [], given, context);
  await build(context);
  const plan = planOf(configuration, found);
  if (plan.queuesToDelete.length > 0) await refuseFilledQueues(found, context);
  for (const queue of plan.queuesToDelete) await deleteQueue(queue, context);
  for (const name of plan.queuesToCreate) await createQueue(name, context);
  if (plan.createsDatabase) await createDatabase(context);
  await applyMigrations(found, context);
  const shown = describeMade(made);
  if (shown !== "") say(`\n${shown}\n`);
  const uploaded = await upload(toSet, context);
  const after = await verify(found, uploaded, { ...context, hasShownSecrets: shown !== "" });
  say("Deployed the Worker.");
  const address = addressOf(uploaded.targets) ?? addressUnderWorkersDev(after, context) ?? "https://<its address>";
  const { claim } = account;
  for (const paragraph of [describeMissing(after.worker?.secrets ?? [], claim !== null), nextCommands(address)]) {
    if (paragraph !== "") say(`\n${paragraph}`);
  }
  if (claim !== null) say(`\nThe account is temporary. Claim it before ${claim.expiresAt} at ${claim.url}`);
}

/**
 * Deploys from a build whose token may not see the database or the queues. Until they are right the Worker refuses events: it
 * checks the schema itself.
 */
export async function deployWorkerAlone(
  lacking: readonly Service[],
  { ofFile }: GivenSecrets,
  context: AccountContext & { readonly isDryRun: boolean },
): Promise<void> {
  const { say, isDryRun } = context;
  const names = lacking.map((service) => `${service}:Edit`).join(" and ");
  say(`The token of this build lacks ${names}: the Worker alone ${isDryRun ? "would be" : "is"} deployed.`);
  if (isDryRun) return build(context);
  const { succeeded, reason } = await upload(ofFile, context);
  if (!succeeded) throw new Fault(`The deployment did not come to its end${reason}.`, { remedy: RUN_AGAIN });
  say(
    "Deployed the Worker. Its /health says what it lacks: run `npm run deploy` once from your machine, or give the build " +
      "a token with these permissions.",
  );
}

/** Cloudflare's lists lag some seconds behind a change. */
const LOOK_AGAIN_AFTER_MS = [2_000, 5_000];

/** Looks at what is deployed. Throws what is missing or wrong. */
async function verify(
  before: Survey,
  uploaded: Upload,
  context: AccountContext & { readonly hasShownSecrets: boolean },
): Promise<Survey> {
  const { account, configuration, say, world, hasShownSecrets } = context;
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
    throw new Fault(`${state}; Cloudflare does not say what came of it: ${failure.error.message}.`, {
      remedy: RUN_AGAIN,
    });
  }
  if (!looked.isLive) {
    const left = before.worker === null ? "Nothing was uploaded" : "What was deployed before runs on";
    const secrets = hasShownSecrets
      ? " Keep the secrets shown above until a run succeeds: the next one may make others."
      : "";
    throw new Fault(`The Worker was not deployed${uploaded.reason}. ${left}.${secrets}`, { remedy: RUN_AGAIN });
  }
  if (missing.length > 0) {
    const sentence = `The Worker is live, but without ${missing.join(", ")}${uploaded.reason}.`;
    throw new Fault([sentence, ...wrong].join("\n"), { remedy: RUN_AGAIN });
  }
  if (wrong.length > 0) {
    throw new Fault(["The Worker is live.", ...wrong].join("\n"), { remedy: "Do that, then run it again." });
  }
  if (!uploaded.succeeded) {
    throw new Fault(`The Worker is live, but not all of its settings were changed${uploaded.reason}.`, {
      remedy: RUN_AGAIN,
    });
  }
  printNotes(looked, say);
  return found;
}

/** When the upload's answer was lost, the list of deployments decides: an uploaded version need not be live. */
function isLive(before: Survey, { worker }: Survey, { succeeded }: Upload): boolean {
  if (succeeded || worker === null) return worker !== null;
  const { deployment } = worker;
  return deployment === null ? before.worker === null : deployment.versionId !== before.worker?.deployment?.versionId;
}

/** A custom domain before one under workers.dev. */
export function addressOf(targets: readonly string[]): string | undefined {
  const [own] = targets.flatMap((target) => /^([\w.-]+) \(custom domain/.exec(target)?.[1] ?? []);
  return own === undefined ? targets.find((target) => target.startsWith("https://")) : `https://${own}`;
}

/** For a run of wrangler that failed and printed no address. */
function addressUnderWorkersDev({ subdomain }: Survey, { configuration }: AccountContext): string | undefined {
  const { isOnWorkersDev, worker } = configuration;
  return isOnWorkersDev && subdomain !== null ? `https://${worker}.${subdomain}.workers.dev` : undefined;
}

function nextCommands(address: string): string {
  return `Qonto's webhooks go to ${address}/webhooks/qonto

  npm run qonto -- subscriptions create --url ${address}/webhooks/qonto --all-types
  npm run qonto -- doctor --url ${address}  # in a minute: the cron has run by then`;
}
